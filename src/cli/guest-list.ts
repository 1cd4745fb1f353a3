/** `rebek guest list`: the built-in guests, and which of them are in the cache. */
import type { CommandModule } from 'yargs';
import { type Builtin, builtins } from '../machine/builtin.ts';
import { cacheFolder, guestFolder } from '../machine/cache.ts';
import { jsonOption } from './arguments.ts';
import { formatBytes, plural } from './format.ts';
import { output } from './output.ts';
import { self } from './self.ts';
import { style } from './style.ts';

export const guestListCommand: CommandModule<object, { json: boolean }> = {
  command: 'list',
  describe: 'the built-in guests, and which of them are built',
  builder: (yargs) =>
    yargs
      .usage(
        `$0 guest list\n\nLists the guests that \`rebek guest build\` can make. They are kept in ${cacheFolder()}`,
      )
      .option('json', jsonOption)
      .example('$0 guest list', '')
      .example('$0 guest list --json', 'with the packages that each was made from'),
  handler: async ({ json }) => {
    const all = await Promise.all(
      builtins.map(async (builtin) => ({ builtin, built: await builtin.built() })),
    );
    if (json) {
      await output.json(
        all.map(({ builtin: { name, description, machine }, built }) => ({
          name,
          description,
          bootable: machine !== undefined,
          folder: guestFolder(name),
          built: built ?? null,
        })),
      );
    } else await output.line(all.map(({ builtin, built }) => describe(builtin, built)).join('\n'));
  },
};

function describe({ name, description }: Builtin, built: Awaited<ReturnType<Builtin['built']>>): string {
  const state =
    built === undefined
      ? `not built: ${self()} guest build ${name}`
      : `built from ${plural(built.packages.length, 'package')} of Debian ${built.suite}, ` +
        `${formatBytes(Object.values(built.files).reduce((sum, { size }) => sum + size, 0))}, in ${guestFolder(name)}`;
  return `${style(process.stdout, 'bold', name.padEnd(8))}  ${description}\n${' '.repeat(10)}${state}`;
}
