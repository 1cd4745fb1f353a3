import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { RebekError } from '../../src/base/errors.ts';
import { debianSources, parseDeb822, parseList } from '../../src/machine/debian/sources.ts';

test('one-line sources: options, comments and components', (t) => {
  const text = `# deb http://mirror.test/debian bookworm main
deb http://mirror.test/debian bookworm main contrib # ours
deb [arch=amd64 signed-by=/keys/a.gpg] http://mirror.test/debian-security bookworm-security main
deb-src http://mirror.test/debian bookworm main
deb http://third.test/debian bookworm stable
`;
  t.deepEqual(parseList(text), [
    { uri: 'http://mirror.test/debian', suite: 'bookworm', signedBy: undefined },
    { uri: 'http://mirror.test/debian-security', suite: 'bookworm-security', signedBy: '/keys/a.gpg' },
  ]);
});

test('deb822 sources: several addresses and suites, folded fields, disabled stanzas', (t) => {
  const text = `Types: deb deb-src
# a comment
URIs: http://a.test/debian http://b.test/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /keys/debian.gpg

Types: deb
URIs: http://c.test/debian
Suites: bookworm
Components: main
Enabled: no
`;
  const found = parseDeb822(text).map(({ uri, suite }) => `${uri} ${suite}`);
  t.deepEqual(found, [
    'http://a.test/debian bookworm',
    'http://a.test/debian bookworm-updates',
    'http://b.test/debian bookworm',
    'http://b.test/debian bookworm-updates',
  ]);
});

test('of a host’s sources, Debian’s own of the suite are taken, the suite proper first', async (t) => {
  const apt = mkdtempSync(join(tmpdir(), 'rebek-apt-'));
  t.teardown(() => rmSync(apt, { recursive: true }));
  mkdirSync(join(apt, 'sources.list.d'));
  writeFileSync(
    join(apt, 'sources.list'),
    `deb http://m.test/debian-security bookworm-security main
deb http://m.test/debian/ bookworm main
deb http://m.test/debian bookworm-backports main
deb http://vendor.test/tool bookworm main
deb [signed-by=/keys/vendor.gpg] http://vendor.test/debian bookworm main
`,
  );
  const found = await debianSources('bookworm', undefined, apt);
  t.deepEqual(
    found.map(({ uri, suite }) => [uri, suite]),
    [
      ['http://m.test/debian/', 'bookworm'],
      ['http://m.test/debian-security', 'bookworm-security'],
    ],
  );
  const other = await t.throwsAsync(debianSources('trixie', undefined, apt), { instanceOf: RebekError });
  t.is(other.code, 'ERR_MACHINE_SOURCES');
  t.regex(other.message, /no package source for Debian trixie \(it has: bookworm-security, bookworm/);
  t.regex(other.hint ?? '', /--mirror/);
});

test('a mirror stands alone, and must be an address', async (t) => {
  const [only, ...rest] = await debianSources('bookworm', 'http://m.test/debian');
  t.like(only, { uri: 'http://m.test/debian', suite: 'bookworm' });
  t.is(rest.length, 0);
  for (const mirror of ['', 'debian', 'http://a b/', 'http://a/ main\ndeb http://b/'])
    await t.throwsAsync(debianSources('bookworm', mirror), { message: /expected an address/ });
});
