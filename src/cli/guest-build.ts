/** `rebek guest build NAME`: makes a built-in guest in the cache. */
import type { CommandModule } from 'yargs';
import { RebekError } from '../base/errors.ts';
import type { BuildProgress, Manifest } from '../machine/build.ts';
import { type Builder, type Builtin, builtins, findBuiltin } from '../machine/builtin.ts';
import { guestFolder } from '../machine/cache.ts';
import { jsonOption, text, valueOption } from './arguments.ts';
import { GIVEN_UP, warn } from './errors.ts';
import { formatBytes, formatDuration, formatTable } from './format.ts';
import { output } from './output.ts';
import { Signals } from './signals.ts';
import { formatProgress, StatusLine } from './status-line.ts';

interface Arguments {
  name: string;
  mirror: string | undefined;
  suite: string | undefined;
  force: boolean;
  json: boolean;
}

export interface BuildChoices {
  readonly mirror?: string | undefined;
  readonly suite?: string | undefined;
}

export const guestBuildCommand: CommandModule<object, Arguments> = {
  command: 'build <name>',
  describe: 'make a built-in guest from Debian packages',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 guest build NAME\n\nFetches packages with apt-get (no root; the package lists of this system are not touched), ' +
          'checks signatures and hashes, and makes the guest in the cache folder.',
      )
      .positional('name', {
        type: 'string',
        demandOption: true,
        describe: builtins
          .filter(({ builder }) => builder !== undefined)
          .map(({ name, description }) => `${name}: ${description}`)
          .join('; '),
      })
      .option(
        'mirror',
        valueOption("a Debian mirror's address, in place of this host's package sources", text('mirror')),
      )
      .option('suite', valueOption('the Debian suite; bookworm unless given', text('suite')))
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'build it again, with the newest packages',
      })
      .option('json', { ...jsonOption, describe: 'print the manifest as JSON on standard output' })
      .example('$0 guest build debian', 'some 60 MB are downloaded, once')
      .example('$0 guest build debian --mirror http://mirror.example/debian', 'from a mirror of your own'),
  handler: async ({ name, mirror, suite, force, json }) => {
    const { builder } = find(name);
    if (builder === undefined) {
      if (json) await output.json({ name, ready: true });
      else await output.line(`${name} is ready, nothing to build`);
      return;
    }
    const built = force ? undefined : await builder.built();
    const manifest = built ?? (await buildGuest(name, builder, { mirror, suite }));
    if (json) await output.json(manifest);
    else {
      const what = built === undefined ? 'is built' : 'is built already (--force builds it again)';
      await output.line(`${name} ${what}\n${describe(manifest)}`);
    }
  },
};

function find(name: string): Builtin {
  const builtin = findBuiltin(name);
  if (builtin !== undefined) return builtin;
  throw new RebekError('ERR_MACHINE_UNKNOWN', `no built-in guest is called '${name}'`, {
    hint: `there are: ${builtins.map((known) => known.name).join(', ')}`,
    details: { name },
  });
}

/** Builds with a status line; Ctrl-C ends it and leaves nothing behind. */
export async function buildGuest(
  name: string,
  builder: Builder,
  choices: BuildChoices = {},
): Promise<Manifest> {
  const status = new StatusLine({ plain: true });
  const signals = new Signals(() => process.exit(GIVEN_UP));
  const stages = new StageClock();
  try {
    const manifest = await builder.build({
      ...choices,
      signal: signals.abort.signal,
      onProgress: (progress) => status.update(() => `building ${name}: ${stages.describe(progress)}`),
    });
    // The warnings must not be written behind the status line: its clearing would take them with it.
    status.clear();
    for (const warning of manifest.warnings) warn(warning);
    return manifest;
  } finally {
    status.clear();
    signals.close();
  }
}

/** An estimate is of the stage that is under way: the others take as long as they take. */
class StageClock {
  private stage: string | undefined;
  private began = 0;

  describe({ stage, done, total, text }: BuildProgress): string {
    if (stage !== this.stage) this.began = performance.now();
    this.stage = stage;
    const ms = performance.now() - this.began;
    return total === 0 ? `${text} (${formatDuration(ms)})` : `${text}: ${formatProgress(done, total, ms)}`;
  }
}

function describe({ name, suite, packages, files }: Manifest): string {
  const kernel = packages.find((found) => found.name.startsWith('linux-image-'));
  const rows: [string, string][] = [
    ['folder', guestFolder(name)],
    [
      'files',
      Object.entries(files)
        .map(([file, { size }]) => `${file} (${formatBytes(size)})`)
        .join(', '),
    ],
    ['from', `${packages.length} packages of Debian ${suite}`],
  ];
  if (kernel !== undefined) rows.push(['kernel', `${kernel.name} ${kernel.version}`]);
  return formatTable(rows);
}
