/** `rebek guest list`: the built-in guests, and which of them are ready. */
import type { CommandModule } from 'yargs';
import type { Manifest } from '../machine/build.ts';
import { type Builtin, builtins } from '../machine/builtin.ts';
import { cacheFolder, guestFolder } from '../machine/cache.ts';
import { jsonOption } from './arguments.ts';
import { formatBytes, plural } from './format.ts';
import { output } from './output.ts';
import { self } from './self.ts';
import { style } from './style.ts';

export const guestListCommand: CommandModule<object, { json: boolean }> = {
  command: 'list',
  describe: 'the built-in guests, and which of them are ready',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 guest list\n\nLists the guests that can be named instead of a machine file. What `rebek guest build` makes ' +
          `is kept in ${cacheFolder()}`,
      )
      .option('json', jsonOption)
      .example('$0 guest list', '')
      .example('$0 guest list --json', 'with the packages that each was made from'),
  handler: async ({ json }) => {
    const all = await Promise.all(
      builtins.map(async (builtin) => ({ builtin, built: await builtin.builder?.built() })),
    );
    if (json) {
      await output.json(
        all.map(({ builtin: { name, description, machine, builder }, built }) => ({
          name,
          description,
          bootable: machine !== undefined,
          ready: builder === undefined || built !== undefined,
          folder: builder === undefined ? null : guestFolder(name),
          built: built ?? null,
        })),
      );
    } else await output.line(all.map(({ builtin, built }) => describe(builtin, built)).join('\n'));
  },
};

function describe({ name, description, builder }: Builtin, built: Manifest | undefined): string {
  const state =
    builder === undefined
      ? 'ready, nothing to build'
      : built === undefined
        ? `not built: ${self()} guest build ${name}`
        : `built from ${plural(built.packages.length, 'package')} of Debian ${built.suite}, ` +
          `${formatBytes(Object.values(built.files).reduce((sum, { size }) => sum + size, 0))}, in ${guestFolder(name)}`;
  return `${style(process.stdout, 'bold', name.padEnd(8))}  ${description}\n${' '.repeat(10)}${state}`;
}
