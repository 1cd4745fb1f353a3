/**
 * Debian packages for another architecture, fetched by the host's apt-get: as any user, with a state of its own
 * (the system's package lists and caches are neither read nor written), signatures checked by apt, and every
 * file's SHA-256 checked once more against apt's index.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RebekError } from '../../base/errors.ts';
import type { PackageRecord } from '../build.ts';
import { type RunOptions, type RunResult, run } from '../process.ts';
import type { Source } from './sources.ts';

/** A package as the index describes it. */
export interface Package extends PackageRecord {
  readonly depends: string;
}

export class Apt {
  /** What went wrong and was got over, for the manifest. */
  readonly warnings: string[] = [];
  private readonly folder: string;
  private readonly options: RunOptions;

  private constructor(folder: string, signal: AbortSignal | undefined) {
    this.folder = folder;
    this.options = { signal, env: { APT_CONFIG: join(folder, 'apt.conf') }, cwd: join(folder, 'debs') };
  }

  /**
   * Fetches the indexes of `sources` into `folder`. Of the host's configuration only the way to the network
   * (proxies, certificates) is taken over: no hooks, no pins, no permission to skip signatures.
   * @throws RebekError ERR_MACHINE_TOOL_MISSING, ERR_MACHINE_SIGNATURE, ERR_MACHINE_DOWNLOAD
   */
  static async open(
    folder: string,
    architecture: string,
    sources: readonly Source[],
    signal: AbortSignal | undefined,
  ): Promise<Apt> {
    const apt = new Apt(folder, signal);
    for (const name of ['lists/partial', 'cache/archives/partial', 'debs'])
      await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, 'status'), '');
    await writeFile(join(folder, 'apt.conf'), await apt.configuration(architecture));
    await writeFile(join(folder, 'sources.list'), sources.map(sourceLine).join(''));
    await apt.update(sources);
    return apt;
  }

  private async update(sources: readonly Source[]): Promise<void> {
    // Any index that fails is an error to us; apt by itself calls some of them warnings and succeeds.
    const result = await this.apt('apt-get', ['update', '-oAPT::Update::Error-Mode=any']);
    if (result.code === 0) return;
    if (/gpgv.* required/.test(result.stderr)) {
      throw new RebekError(
        'ERR_MACHINE_TOOL_MISSING',
        'gpgv is needed to check signatures, and is not on this host',
        {
          hint: 'Install the package gpgv.',
        },
      );
    }
    if (/NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|not signed|GPG error/.test(result.stderr)) {
      throw new RebekError(
        'ERR_MACHINE_SIGNATURE',
        `apt does not trust the package index: ${reason(result)}`,
        {
          hint: 'Install or update the package debian-archive-keyring, or give another --mirror.',
          details: { stderr: result.stderr },
        },
      );
    }
    // A mirror in the middle of an update may have one suite wrong: the rest will do, if the first is there.
    const lists = await readdir(join(this.folder, 'lists'));
    const first = `_dists_${sources[0]?.suite.replaceAll('/', '_')}_main_`;
    if (!lists.some((name) => name.includes(first))) throw downloadError('the package index', result);
    this.warnings.push(`not all package indexes could be fetched: ${reason(result)}`);
  }

  /**
   * The newest version of each package in the sources.
   * @throws RebekError ERR_MACHINE_PACKAGE where one is not there
   */
  async find(names: readonly string[]): Promise<Package[]> {
    const result = await this.apt('apt-cache', ['show', '--no-all-versions', ...names]);
    const stanzas = result.stdout.split(/\n\n+/).map((stanza) => {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
      return {
        name: field('Package'),
        version: field('Version'),
        architecture: field('Architecture'),
        sha256: field('SHA256'),
        depends: field('Depends'),
      };
    });
    return names.map((name) => {
      const found = stanzas.find((stanza) => stanza.name === name);
      if (found === undefined || !/^[0-9a-f]{64}$/.test(found.sha256)) {
        const details = { package: name, warnings: this.warnings };
        throw new RebekError('ERR_MACHINE_PACKAGE', `the package source has no package ${name}`, {
          hint: 'Give another mirror or suite (--mirror, --suite); the default suite is bookworm.',
          details,
        });
      }
      return found;
    });
  }

  /**
   * Downloads packages.
   * @param onPercent 0 to 100
   * @returns the path of each `.deb`, by package name
   * @throws RebekError ERR_MACHINE_DOWNLOAD; ERR_MACHINE_HASH where a file is not the one in the index
   */
  async download(
    packages: readonly Package[],
    onPercent: (percent: number) => void,
  ): Promise<Map<string, string>> {
    // `dlstatus:<item>:<percent>:<text>` (apt's README.progress-reporting)
    const onStatus = (line: string): void => {
      const percent = Number(/^dlstatus:[^:]*:([\d.]+):/.exec(line)?.[1]);
      if (!Number.isNaN(percent)) onPercent(percent);
    };
    const wanted = packages.map(({ name, version }) => `${name}=${version}`);
    const result = await this.apt('apt-get', ['download', '-oAPT::Status-Fd=3', ...wanted], { onStatus });
    if (result.code !== 0) throw downloadError('the packages', result);
    const folder = join(this.folder, 'debs');
    const files = await readdir(folder);
    const paths = new Map<string, string>();
    for (const { name, sha256 } of packages) {
      const file = files.find((candidate) => candidate.startsWith(`${name}_`));
      if (file === undefined) throw downloadError(name, result);
      const found = createHash('sha256')
        .update(await readFile(join(folder, file)))
        .digest('hex');
      if (found !== sha256) {
        throw new RebekError('ERR_MACHINE_HASH', `${file}: expected SHA-256 ${sha256}, found ${found}`, {
          hint: 'Something on the way changed the file: try again, or give another --mirror.',
        });
      }
      paths.set(name, join(folder, file));
    }
    return paths;
  }

  private apt(program: string, args: readonly string[], more: RunOptions = {}): Promise<RunResult> {
    return run(program, args, { ...this.options, ...more });
  }

  private async configuration(architecture: string): Promise<string> {
    const host = await run('apt-config', ['dump'], { signal: this.options.signal }).catch(
      (error: unknown) => {
        // Without apt-get there is no apt-config either; name the one that people know.
        if (error instanceof RebekError && error.code === 'ERR_MACHINE_TOOL_MISSING')
          return run('apt-get', ['--version']);
        throw error;
      },
    );
    const kept = host.stdout
      .split('\n')
      .filter((line) => /^Acquire::(https?|ftp|Retries|ForceIPv)/i.test(line) && !/Allow|Verify/i.test(line));
    const path = (name: string): string => JSON.stringify(join(this.folder, name));
    return [
      ...kept,
      'Dir::Etc::main "/dev/null";',
      'Dir::Etc::parts "/dev/null";',
      'Dir::Etc::preferences "/dev/null";',
      'Dir::Etc::preferencesparts "/dev/null";',
      'Dir::Etc::sourceparts "/dev/null";',
      `Dir::Etc::sourcelist ${path('sources.list')};`,
      `Dir::State ${path('.')};`,
      `Dir::State::lists ${path('lists')};`,
      `Dir::State::status ${path('status')};`,
      `Dir::Cache ${path('cache')};`,
      `APT::Architecture "${architecture}";`,
      `APT::Architectures "${architecture}";`,
      // The folder is the user's own: apt's unprivileged helper account could not enter it.
      'APT::Sandbox::User "root";',
      'Acquire::Languages "none";',
      'Acquire::Retries "2";',
      '',
    ].join('\n');
  }
}

function sourceLine({ uri, suite, signedBy }: Source): string {
  return `deb ${signedBy === undefined ? '' : `[signed-by=${signedBy}] `}${uri} ${suite} main\n`;
}

/** apt's own words, the first error. */
function reason({ stderr, code }: RunResult): string {
  const lines = stderr.split('\n').filter((line) => /^(E|W|Err):/.test(line));
  return (
    (lines[0] ?? stderr.trim().split('\n')[0] ?? '').replace(/^(E|W): */, '') || `apt ended with code ${code}`
  );
}

function downloadError(what: string, result: RunResult): RebekError {
  return new RebekError('ERR_MACHINE_DOWNLOAD', `${what} could not be downloaded: ${reason(result)}`, {
    hint: 'Check the network (and proxy) and try again, or give another --mirror.',
    details: { stderr: result.stderr },
  });
}
