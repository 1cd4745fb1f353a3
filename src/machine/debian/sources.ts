/**
 * Which Debian archive to build from: the host's own package sources, of which only those count that are Debian's
 * and of the wanted suite, or a mirror that the user names.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RebekError } from '../../base/errors.ts';

/** One line of a sources.list of ours. */
export interface Source {
  readonly uri: string;
  readonly suite: string;
  /** A keyring file, where the host has one; apt's trusted keys otherwise. */
  readonly signedBy: string | undefined;
}

/** Debian's own keys, from the package debian-archive-keyring; Ubuntu has it too. */
const keyrings = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
];

/**
 * The sources of a suite, the suite proper first, then updates and security where the host has them.
 * @param aptFolder the host's apt configuration folder
 * @throws RebekError ERR_MACHINE_SOURCES where there is none, or no key to check it with
 */
export async function debianSources(
  suite: string,
  mirror: string | undefined,
  aptFolder = '/etc/apt',
): Promise<Source[]> {
  const keyring = await firstFile(keyrings);
  if (mirror !== undefined) {
    if (!/^(https?|file|ftp|copy):\/{0,2}[^\s[\]]+$/.test(mirror)) {
      throw new RebekError(
        'ERR_MACHINE_SOURCES',
        `mirror: expected an address (http://…, file:/…), found '${mirror}'`,
      );
    }
    return [{ uri: mirror, suite, signedBy: keyring }];
  }
  const wanted = [suite, `${suite}-updates`, `${suite}-security`, `${suite}/updates`];
  const all = await hostSources(aptFolder);
  const sources = all
    .filter((source) => wanted.includes(source.suite) && isDebian(source))
    .map((source) => ({ ...source, signedBy: source.signedBy ?? keyring }))
    .filter(
      (source, i, list) => i === list.findIndex((s) => s.uri === source.uri && s.suite === source.suite),
    )
    .sort((a, b) => wanted.indexOf(a.suite) - wanted.indexOf(b.suite));
  if (sources[0]?.suite !== suite) {
    const suites = [...new Set(all.map((source) => source.suite))].join(', ') || 'none';
    throw new RebekError(
      'ERR_MACHINE_SOURCES',
      `this host has no package source for Debian ${suite} (it has: ${suites})`,
      {
        hint: `Give a Debian mirror that holds ${suite}: rebek guest build debian --mirror ADDRESS`,
        details: { suite },
      },
    );
  }
  return sources;
}

/** Debian's archives end in /debian, /debian-security (or are snapshots of them); third parties bring their own keys. */
function isDebian({ uri, signedBy }: Source): boolean {
  const ownKey = signedBy === undefined || /debian-archive/.test(signedBy);
  return ownKey && /\/debian(-security)?(\/|$)/.test(uri);
}

async function hostSources(aptFolder: string): Promise<Source[]> {
  const files = [join(aptFolder, 'sources.list')];
  const parts = join(aptFolder, 'sources.list.d');
  const names = await readdir(parts).catch(() => []);
  files.push(...names.filter((name) => /\.(list|sources)$/.test(name)).map((name) => join(parts, name)));
  const found: Source[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    found.push(...(file.endsWith('.sources') ? parseDeb822(text) : parseList(text)));
  }
  return found;
}

/** `deb [options] uri suite component…` (sources.list(5), "one-line-style format"). */
export function parseList(text: string): Source[] {
  const found: Source[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (match === null) continue;
    const [, options = '', uri = '', suite = '', components = ''] = match;
    if (!components.split(/\s+/).includes('main')) continue;
    found.push({ uri, suite, signedBy: /(?:^|\s)signed-by=(\/\S+)/i.exec(options)?.[1] });
  }
  return found;
}

/** Stanzas of `Types:`, `URIs:`, `Suites:`, … (sources.list(5), "deb822-style format"). */
export function parseDeb822(text: string): Source[] {
  const found: Source[] = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const lines = stanza.split('\n').filter((line) => !line.startsWith('#'));
    const unfolded = lines.join('\n').replace(/\n[ \t]+/g, ' ');
    const field = (name: string): string[] =>
      (new RegExp(`^${name}:(.*)$`, 'im').exec(unfolded)?.[1] ?? '').trim().split(/\s+/).filter(Boolean);
    if (!field('Types').includes('deb') || !field('Components').includes('main')) continue;
    if (/^(no|false)$/i.test(field('Enabled')[0] ?? '')) continue;
    const key = field('Signed-By')[0];
    const signedBy = key?.startsWith('/') ? key : undefined;
    for (const uri of field('URIs'))
      for (const suite of field('Suites')) found.push({ uri, suite, signedBy });
  }
  return found;
}

async function firstFile(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile()) return file;
  }
  return undefined;
}
