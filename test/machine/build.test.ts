/**
 * The builder with stand-ins for apt and dpkg-deb: what it makes, and what it does when they fail, without a network.
 * Each test has its own cache and its own PATH; so they run one after the other.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { RebekError } from '../../src/base/errors.ts';
import type { BuildProgress } from '../../src/machine/build.ts';
import { findBuiltin } from '../../src/machine/builtin.ts';
import { buildDebian, debianMachine } from '../../src/machine/debian/debian.ts';
import { modulePaths } from '../../src/machine/debian/rootfs.ts';
import { loadImages } from '../../src/machine/images.ts';

const abi = '6.1.0-99-686';
const kernelPackage = `linux-image-${abi}`;
const library = (path: string) => [`${path}.1.2`, path];
const packages: Record<string, string[]> = {
  'linux-image-686': [],
  [kernelPackage]: [
    `boot/vmlinuz-${abi}`,
    ...modulePaths.map((path) => `lib/modules/${abi}/kernel/${path}`),
    'lib/other',
  ],
  'busybox-static': ['bin/busybox', `usr/share/doc/${'long/'.repeat(30)}name`],
  'dropbear-bin': ['usr/sbin/dropbear', 'usr/bin/dbclient', 'usr/bin/dropbearkey'],
  libc6: ['lib/ld-linux.so.2', 'lib/i386-linux-gnu/ld-linux.so.2', 'lib/i386-linux-gnu/libc.so.6'],
  libcrypt1: library('lib/i386-linux-gnu/libcrypt.so.1'),
  libtomcrypt1: library('usr/lib/i386-linux-gnu/libtomcrypt.so.1'),
  libtommath1: library('usr/lib/i386-linux-gnu/libtommath.so.1'),
  zlib1g: library('lib/i386-linux-gnu/libz.so.1'),
  libgmp10: library('usr/lib/i386-linux-gnu/libgmp.so.10'),
};

/** A folder of tools for PATH: an archive of the packages above, and scripts that serve it. */
function fakeTools(folder: string): string {
  const [bin, pool] = [join(folder, 'bin'), join(folder, 'pool')];
  mkdirSync(bin);
  mkdirSync(pool);
  let index = '';
  for (const [name, paths] of Object.entries(packages)) {
    const root = join(folder, 'root', name);
    mkdirSync(root, { recursive: true });
    for (const path of paths) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), `${name}: ${path}\n`);
    }
    const deb = join(pool, `${name}_1.0_i386.deb`);
    const tar = spawnSync('tar', ['--format=gnu', '-cf', deb, '-C', root, '.']);
    if (tar.status !== 0) throw new Error(`these tests need tar: ${tar.stderr}`);
    const sha256 = createHash('sha256').update(readFileSync(deb)).digest('hex');
    const depends = name === 'linux-image-686' ? `Depends: ${kernelPackage} (= 1.0)\n` : '';
    index += `Package: ${name}\nVersion: 1.0\nArchitecture: i386\n${depends}SHA256: ${sha256}\n\n`;
  }
  writeFileSync(join(folder, 'index'), index);
  const script = (name: string, text: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${text}`);
    chmodSync(join(bin, name), 0o755);
  };
  script('apt-config', 'true\n');
  script('apt-cache', `cat '${folder}/index'\n`);
  script(
    'apt-get',
    `[ -e '${folder}/slow' ] && exec sleep 10
case "$1" in
update)
  [ -e '${folder}/unsigned' ] && { echo 'W: GPG error: NO_PUBKEY 0123' >&2; exit 100; }
  [ -e '${folder}/offline' ] && { echo 'E: Failed to fetch: no route' >&2; exit 100; }
  touch ../lists/m_dists_bookworm_main_Packages
  [ -e '${folder}/partial' ] && { echo 'E: security: mirror sync' >&2; exit 100; }
  true ;;
download)
  echo 'dlstatus:1:50.0:half' >&3
  cp '${pool}'/*.deb .
  if [ -e '${folder}/tampered' ]; then echo >> libc6_1.0_i386.deb; fi ;;
esac
`,
  );
  script('dpkg-deb', 'cat "$2"\n');
  return bin;
}

interface Lab {
  readonly folder: string;
  readonly guests: string;
  /** Makes a stand-in behave badly. */
  readonly set: (flag: 'slow' | 'unsigned' | 'offline' | 'partial' | 'tampered') => void;
}

function lab(t: ExecutionContext): Lab {
  const folder = mkdtempSync(join(tmpdir(), 'rebek-build-'));
  const { PATH, REBEK_CACHE } = process.env;
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
    process.env['PATH'] = PATH;
    if (REBEK_CACHE === undefined) delete process.env['REBEK_CACHE'];
    else process.env['REBEK_CACHE'] = REBEK_CACHE;
  });
  process.env['PATH'] = fakeTools(folder);
  process.env['REBEK_CACHE'] = join(folder, 'cache');
  return {
    folder,
    guests: join(folder, 'cache', 'guests'),
    set: (flag) => writeFileSync(join(folder, flag), ''),
  };
}
const mirror = 'http://mirror.test/debian';
const fails = (t: ExecutionContext, build: Promise<unknown>) =>
  t.throwsAsync(build, { instanceOf: RebekError });

test.serial('a build makes kernel, initrd and manifest, and tells how it goes', async (t) => {
  const { guests } = lab(t);
  const debian = findBuiltin('debian')?.builder;
  t.is(await debian?.built(), undefined);
  const missing = await fails(t, loadImages(debianMachine()));
  t.is(missing.code, 'ERR_MACHINE_IMAGE_MISSING');
  t.is(missing.hint, 'Run: rebek guest build debian');

  const progress: BuildProgress[] = [];
  const manifest = await buildDebian({ mirror, onProgress: (step) => progress.push(step) });
  t.deepEqual(
    [...new Set(progress.map(({ stage }) => stage))],
    ['index', 'download', 'unpack', 'pack', 'done'],
  );
  t.true(progress.some(({ stage, done, total }) => stage === 'download' && done === 50 && total === 100));
  t.is(manifest.packages.length, 9);
  t.like(manifest.packages[0], { name: kernelPackage, version: '1.0', architecture: 'i386' });
  t.deepEqual(readdirSync(guests), ['debian'], 'nothing else is left');
  t.deepEqual(readdirSync(join(guests, 'debian')).sort(), ['initrd', 'manifest.json', 'vmlinuz']);
  t.deepEqual(await debian?.built(), manifest);

  const initrd = readFileSync(join(guests, 'debian', 'initrd'), 'latin1');
  for (const path of [
    'bin/busybox',
    `lib/modules/${abi}/kernel/drivers/net/virtio_net.ko`,
    'lib/i386-linux-gnu/libz.so.1',
  ])
    t.true(initrd.includes(`${path}\0`), path);
  t.false(initrd.includes('lib/other'), 'only what is wanted');

  const again = await buildDebian({ mirror });
  t.deepEqual(again, manifest, 'the same packages make the same bytes, and a build replaces one');

  const vmlinuz = join(guests, 'debian', 'vmlinuz');
  writeFileSync(vmlinuz, 'damaged');
  t.is(await debian?.built(), undefined, 'a damaged file counts as not built');
});

test.serial('a tool that is missing is named', async (t) => {
  const { folder, guests } = lab(t);
  rmSync(join(folder, 'bin', 'dpkg-deb'));
  const unpack = await fails(t, buildDebian({ mirror }));
  t.is(unpack.code, 'ERR_MACHINE_TOOL_MISSING');
  t.regex(unpack.message, /^dpkg-deb is needed/);
  process.env['PATH'] = '';
  const fetch = await fails(t, buildDebian({ mirror }));
  t.regex(fetch.message, /^apt-get is needed/);
  t.regex(fetch.hint ?? '', /Debian-based/);
  t.deepEqual(readdirSync(guests), []);
});

for (const [flag, code, problem] of [
  ['unsigned', 'ERR_MACHINE_SIGNATURE', /does not trust .*NO_PUBKEY/],
  ['offline', 'ERR_MACHINE_DOWNLOAD', /package index could not be downloaded: .*no route/],
  ['tampered', 'ERR_MACHINE_HASH', /libc6_1\.0_i386\.deb: expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}/],
] as const) {
  test.serial(`a build stops at packages that are ${flag}, and keeps nothing`, async (t) => {
    const { guests, set } = lab(t);
    set(flag);
    const error = await fails(t, buildDebian({ mirror }));
    t.is(error.code, code);
    t.regex(error.message, problem);
    t.deepEqual(readdirSync(guests), []);
  });
}

test.serial('an index that fails beside the main one is a warning', async (t) => {
  const { set } = lab(t);
  set('partial');
  const { warnings } = await buildDebian({ mirror });
  t.is(warnings.length, 1);
  t.regex(warnings[0] ?? '', /mirror sync/);
});

test.serial('an interrupted build keeps nothing, and leaves an earlier one alone', async (t) => {
  const { guests, set } = lab(t);
  const manifest = await buildDebian({ mirror });
  set('slow');
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  const error = await fails(t, buildDebian({ mirror, signal: controller.signal }));
  t.is(error.code, 'ERR_MACHINE_ABORTED');
  t.deepEqual(readdirSync(guests), ['debian']);
  t.deepEqual(await findBuiltin('debian')?.builder?.built(), manifest);
});

test.serial('a killed build leaves no guest, and the next one clears its scratch folder', async (t) => {
  const { folder, guests, set } = lab(t);
  set('slow');
  const code = `import(${JSON.stringify(new URL('../../src/machine/debian/debian.js', import.meta.url).href)})
    .then(({ buildDebian }) => buildDebian({ mirror: ${JSON.stringify(mirror)} }))`;
  const child: ChildProcess = spawn(process.execPath, ['-e', code], { stdio: 'ignore' });
  const closed = new Promise((resolve) => child.once('close', resolve));
  while (!existsSync(guests) || readdirSync(guests).length === 0) await sleep(20);
  child.kill('SIGKILL');
  await closed;
  t.regex(readdirSync(guests).join(), /^\.debian-\d+-[0-9a-f]+$/);
  t.is(await findBuiltin('debian')?.builder?.built(), undefined);
  rmSync(join(folder, 'slow'));
  await buildDebian({ mirror });
  t.deepEqual(readdirSync(guests), ['debian']);
});

test.serial('two builds at once both succeed', async (t) => {
  const { guests } = lab(t);
  const [a, b] = await Promise.all([buildDebian({ mirror }), buildDebian({ mirror })]);
  t.deepEqual(a, b);
  t.deepEqual(readdirSync(guests), ['debian']);
});

test.serial('a cache that cannot be written is told', async (t) => {
  const { folder } = lab(t);
  writeFileSync(join(folder, 'file'), '');
  for (const cache of [join(folder, 'file'), '/proc/none']) {
    process.env['REBEK_CACHE'] = cache;
    const error = await fails(t, buildDebian({ mirror }));
    t.is(error.code, 'ERR_MACHINE_CACHE');
    t.regex(error.hint ?? '', /REBEK_CACHE/);
  }
});
