/** The built-in guest `debian`: a small Debian honeypot, made on the user's machine from Debian's own packages. */
import { RebekError } from '../../base/errors.ts';
import { type BuildOptions, type Built, buildInto, type Manifest } from '../build.ts';
import { biosPaths, guestFolder } from '../cache.ts';
import { type CpioEntry, writeCpio } from '../cpio.ts';
import { checkMachine, type Machine } from '../schema.ts';
import { Apt, type Package } from './apt.ts';
import { type DebFile, readDeb } from './deb.ts';
import { honeypotFiles, modulePaths } from './rootfs.ts';
import { debianSources } from './sources.ts';

/** Raised when the same packages would make another initrd: a cached one is then built again. */
export const debianRecipe = 1;

/** What the metapackage for a 32-bit PC depends on names the kernel. */
const kernelMetapackage = 'linux-image-686';

/** Paths in packages that go into the initrd as they are, by package. */
const contents: Readonly<Record<string, readonly string[]>> = {
  'busybox-static': ['bin/busybox'],
  'dropbear-bin': ['usr/sbin/dropbear', 'usr/bin/dbclient', 'usr/bin/dropbearkey'],
  libc6: ['lib/ld-linux.so.2', 'lib/i386-linux-gnu/ld-linux.so.2', 'lib/i386-linux-gnu/libc.so.6'],
  libcrypt1: ['lib/i386-linux-gnu/libcrypt.so.1'],
  libtomcrypt1: ['usr/lib/i386-linux-gnu/libtomcrypt.so.1'],
  libtommath1: ['usr/lib/i386-linux-gnu/libtommath.so.1'],
  zlib1g: ['lib/i386-linux-gnu/libz.so.1'],
  libgmp10: ['usr/lib/i386-linux-gnu/libgmp.so.10'],
};

/**
 * The kernel's command line, for an emulated CPU (Linux: Documentation/admin-guide/kernel-parameters.txt). Half of
 * it saves time at boot: no search for devices that are not there, no self-tests, no waiting for entropy. A panic
 * resets the machine, which ends it, instead of leaving it hanging.
 */
const cmdline = [
  'console=ttyS0 loglevel=3 panic=-1',
  'tsc=reliable mitigations=off random.trust_cpu=on',
  'acpi=off noisapnp cryptomgr.notests ima_hash=sha1',
  // A crypto self-test that has no switch, and the tracing of kernel probes: two seconds together.
  'initcall_blacklist=crypto_kdf108_init,init_kprobe_trace',
].join(' ');

/** Where the built files are, and how they are booted. Nothing is read. */
export function debianMachine(): Machine {
  const folder = guestFolder('debian');
  const data = {
    name: 'debian',
    memory: 128,
    boot: { kind: 'linux', kernel: 'vmlinuz', initrd: 'initrd', cmdline },
    prompt: 'login: $',
  };
  return checkMachine(data, 'debian', folder, biosPaths());
}

/**
 * Fetches the packages and makes kernel and initrd in the cache. Some 60 MB are downloaded.
 * @throws RebekError ERR_MACHINE_TOOL_MISSING, ERR_MACHINE_SOURCES, ERR_MACHINE_SIGNATURE, ERR_MACHINE_DOWNLOAD,
 *   ERR_MACHINE_PACKAGE, ERR_MACHINE_HASH, ERR_MACHINE_CACHE, ERR_MACHINE_ABORTED
 */
export function buildDebian(options: BuildOptions = {}): Promise<Manifest> {
  return buildInto('debian', debianRecipe, options, async (scratch) => {
    const { signal, onProgress, suite = 'bookworm' } = options;
    const sources = await debianSources(suite, options.mirror);
    onProgress?.({ stage: 'index', done: 0, total: 0, text: `reading the package index of Debian ${suite}` });
    const apt = await Apt.open(scratch, 'i386', sources, signal);
    const packages = await apt.find([await kernelPackage(apt), ...Object.keys(contents)]);
    const paths = await apt.download(packages, (percent) =>
      onProgress?.({
        stage: 'download',
        done: percent,
        total: 100,
        text: `downloading ${packages.length} packages`,
      }),
    );
    const files: DebFile[] = [];
    for (const [i, { name }] of packages.entries()) {
      onProgress?.({ stage: 'unpack', done: i, total: packages.length, text: `unpacking ${name}` });
      const found = await readDeb(paths.get(name) ?? '', wantedOf(name), signal);
      files.push(...(contents[name] === undefined ? found : requireAll(found, name)));
    }
    onProgress?.({ stage: 'pack', done: 0, total: 0, text: 'packing the initrd' });
    return assemble(files, packages, suite, apt.warnings);
  });
}

/** The package of the newest kernel, which the metapackage depends on. */
async function kernelPackage(apt: Apt): Promise<string> {
  const [meta] = await apt.find([kernelMetapackage]);
  const name = /linux-image-\d[\w.-]*-686(?:-unsigned)?(?=[\s,(]|$)/.exec(meta?.depends ?? '')?.[0];
  if (name !== undefined) return name;
  throw new RebekError(
    'ERR_MACHINE_PACKAGE',
    `${kernelMetapackage} depends on no kernel: '${meta?.depends}'`,
    {
      hint: 'Only suites of Debian that still have an i386 kernel will do: bookworm has.',
    },
  );
}

/** Which paths of a package to read. Libraries are links to files whose names have the full version. */
function wantedOf(name: string): (path: string) => boolean {
  const listed = contents[name];
  if (listed === undefined)
    return (path) => /^boot\/vmlinuz-/.test(path) || modulePaths.some((m) => path.endsWith(`/kernel/${m}`));
  return (path) =>
    listed.some((wanted) => path === wanted || (/\.so\.\d+$/.test(wanted) && path.startsWith(`${wanted}.`)));
}

/** Checks that a package had everything that was asked of it. */
function requireAll(found: DebFile[], name: string): DebFile[] {
  const missing = contents[name]?.filter((path) => !found.some((file) => file.path === path)) ?? [];
  if (missing.length > 0) throw lacks(name, missing);
  return found;
}

function lacks(name: string, missing: readonly string[]): RebekError {
  return new RebekError('ERR_MACHINE_PACKAGE', `the package ${name} has no ${missing.join(', no ')}`, {
    hint: 'This release of Debian is laid out differently; the guest is made from bookworm (--suite bookworm).',
    details: { package: name, missing },
  });
}

/** The guest from the packages' files: the same files, in whatever order, give the same bytes. */
export function assemble(
  files: readonly DebFile[],
  packages: readonly Package[],
  suite: string,
  warnings: string[],
): Built {
  const kernel = files.find((file) => file.path.startsWith('boot/vmlinuz-'));
  if (kernel?.kind !== 'file') throw lacks(packages[0]?.name ?? '', ['boot/vmlinuz']);
  const abi = kernel.path.slice('boot/vmlinuz-'.length);
  const entries = files.filter((file) => file !== kernel).map(asEntry);
  const absent = modulePaths.filter(
    (path) => !entries.some(({ name }) => name === `lib/modules/${abi}/kernel/${path}`),
  );
  if (absent.length > 0) throw lacks(packages[0]?.name ?? '', absent);
  const initrd = writeCpio([...honeypotFiles(abi), ...entries]);
  const records = packages.map(({ name, version, architecture, sha256 }) => ({
    name,
    version,
    architecture,
    sha256,
  }));
  return { suite, packages: records, files: { vmlinuz: kernel.data, initrd: initrd }, warnings };
}

function asEntry(file: DebFile): CpioEntry {
  const { path: name, mode } = file;
  return file.kind === 'file'
    ? { kind: 'file', name, mode, data: file.data }
    : { kind: 'link', name, target: file.target };
}
