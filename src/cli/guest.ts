/** `rebek guest …`: making, listing and preparing guests. */
import type { CommandModule } from 'yargs';
import { guestBootCommand } from './guest-boot.ts';
import { guestBuildCommand } from './guest-build.ts';
import { guestListCommand } from './guest-list.ts';

// biome-ignore lint/suspicious/noExplicitAny: each command has arguments of its own
export const guestCommands: CommandModule<object, any>[] = [
  guestListCommand,
  guestBuildCommand,
  guestBootCommand,
];

export const guestCommand: CommandModule = {
  command: 'guest',
  describe: 'list, build and boot guests',
  builder: (yargs) =>
    yargs
      .usage('$0 guest COMMAND\n\nGuests that can be named instead of a machine file, and saved states.')
      .command(guestCommands)
      .demandCommand(1, 1, 'guest: expected list, build or boot')
      .example('$0 guest build debian', 'the Debian honeypot')
      .example('$0 guest boot debian --save ready.state', 'a state at the login prompt'),
  handler: () => {},
};
