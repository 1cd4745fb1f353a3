import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { RebekError } from '../../src/base/errors.ts';
import { type ImageRole, loadImages, provenance } from '../../src/machine/images.ts';
import { checkMachine, type MachineFile } from '../../src/machine/schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'rebek-images-'));
test.after.always(() => rmSync(folder, { recursive: true }));

function put(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes);
  return name;
}
const machineOf = (boot: MachineFile['boot'], memory = 128) =>
  checkMachine({ name: 'pc', memory, boot }, 'pc.yaml', folder, {
    bios: join(folder, 'bios'),
    vgaBios: join(folder, 'vga'),
  });

/** The fields of a bzImage's header that are looked at, changed by `change`. */
function kernel(change: (view: DataView) => void = () => {}): Uint8Array {
  const bytes = new Uint8Array(0x1000);
  const view = new DataView(bytes.buffer);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, 0x20f, true);
  view.setUint8(0x211, 1);
  view.setUint32(0x238, 255, true);
  view.setUint32(0x258, 16 << 20, true);
  view.setUint32(0x260, 20 << 20, true);
  change(view);
  return bytes;
}

/** A Multiboot image with address fields: loaded at 1 MiB, entered at its start. */
function multiboot(change: (view: DataView) => void = () => {}): Uint8Array {
  const bytes = new Uint8Array(0x100);
  const view = new DataView(bytes.buffer);
  const load = 0x10_0000;
  const fields = [
    0x1bad_b002,
    0x1_0000,
    -(0x1bad_b002 + 0x1_0000),
    load + 4,
    load,
    load + 0x100,
    load + 0x2000,
    load,
  ];
  for (const [i, field] of fields.entries()) view.setInt32(4 + 4 * i, field, true);
  change(view);
  return bytes;
}

put('kernel', kernel());
put('initrd', new Uint8Array(1000));
put('multiboot', multiboot());
const bios = new Uint8Array(0x2_0000);
bios[bios.length - 16] = 0xea;
put('bios', bios);
put('vga', Uint8Array.of(0x55, 0xaa, 1, 0));
put('disk', new Uint8Array(1024));

test('images are read whole and measured', async (t) => {
  const images = await loadImages(machineOf({ kind: 'linux', kernel: 'kernel', initrd: 'initrd' }));
  t.deepEqual(provenance(images), [
    { role: 'kernel', path: join(folder, 'kernel'), size: 0x1000, sha256: sha256(kernel()) },
    { role: 'initrd', path: join(folder, 'initrd'), size: 1000, sha256: sha256(new Uint8Array(1000)) },
  ]);
  t.deepEqual(new Uint8Array(images.kernel?.data ?? new ArrayBuffer(0)), kernel());
  const good: MachineFile['boot'][] = [
    { kind: 'multiboot', image: 'multiboot' },
    { kind: 'bios', disk: 'disk' },
  ];
  for (const boot of good) await t.notThrowsAsync(loadImages(machineOf(boot)));
});

const refused: [what: string, role: ImageRole, bytes: Uint8Array, problem: RegExp][] = [
  ['a text file', 'kernel', new TextEncoder().encode('hello'), /not a Linux kernel image/],
  ['a boot sector alone', 'kernel', kernel((v) => v.setUint32(0x202, 0, true)), /not a Linux kernel image/],
  ['a zImage', 'kernel', kernel((v) => v.setUint8(0x211, 0)), /expected a bzImage/],
  ['an old protocol', 'kernel', kernel((v) => v.setUint16(0x206, 0x201, true)), /boot protocol 2\.01/],
  ['a 64-bit kernel', 'kernel', kernel((v) => v.setUint16(0x236, 1, true)), /64-bit kernel/],
  ['an empty file', 'multiboot', new Uint8Array(0), /not a Multiboot image/],
  ['a wrong checksum', 'multiboot', multiboot((v) => v.setInt32(12, 1, true)), /not a Multiboot image/],
  ['an entry outside', 'multiboot', multiboot((v) => v.setInt32(32, 0, true)), /do not fit the file/],
  [
    'a file shorter than it says',
    'multiboot',
    multiboot((v) => v.setInt32(24, 0x20_0000, true)),
    /do not fit/,
  ],
  ['a small file', 'bios', new Uint8Array(512), /a BIOS has 64/],
  ['no reset vector', 'bios', new Uint8Array(0x1_0000), /no jump at the reset vector/],
  ['a text file', 'vgaBios', new TextEncoder().encode('hello'), /begins with 55 AA/],
  ['half a sector', 'disk', new Uint8Array(700), /whole number of 512-byte sectors/],
  ['an empty file', 'disk', new Uint8Array(0), /whole number of 512-byte sectors/],
  ['a hard disk', 'floppy', new Uint8Array(2881 * 1024), /at most 2880 KiB/],
  ['a small file', 'cdrom', new Uint8Array(2048), /too small for a CD/],
];
for (const [i, [what, role, bytes, problem]] of refused.entries()) {
  test(`${role}: ${what} is refused (${i})`, async (t) => {
    const path = put(`refused-${i}`, bytes);
    const boot: MachineFile['boot'] =
      role === 'kernel'
        ? { kind: 'linux', kernel: path }
        : role === 'multiboot'
          ? { kind: 'multiboot', image: path }
          : { kind: 'bios', [role]: path };
    const error = await t.throwsAsync(loadImages(machineOf(boot)), { instanceOf: RebekError });
    t.is(error.code, 'ERR_MACHINE_IMAGE_WRONG');
    t.regex(error.message, problem);
    t.true(error.message.includes(`${role} ${join(folder, path)}`), error.message);
  });
}

test('a machine too small for its images is refused', async (t) => {
  const cases: [MachineFile['boot'], number, RegExp][] = [
    [{ kind: 'linux', kernel: 'kernel', initrd: 'initrd' }, 64, /at least 65 MiB for the initrd/],
    [{ kind: 'linux', kernel: 'kernel' }, 32, /at least 36 MiB for the kernel/],
    [{ kind: 'multiboot', image: 'multiboot' }, 1, /at least 2 MiB for the image/],
  ];
  for (const [boot, memory, problem] of cases) {
    const error = await t.throwsAsync(loadImages(machineOf(boot, memory)), { instanceOf: RebekError });
    t.is(error.code, 'ERR_MACHINE_MEMORY');
    t.regex(error.message, problem);
  }
});

test('a missing file names the field; a missing built guest names the command', async (t) => {
  const missing = await t.throwsAsync(loadImages(machineOf({ kind: 'linux', kernel: 'none' })), {
    instanceOf: RebekError,
  });
  t.is(missing.code, 'ERR_MACHINE_IMAGE_MISSING');
  t.regex(missing.message, /pc: kernel .*none: no such file/);
  const directory = await t.throwsAsync(loadImages(machineOf({ kind: 'bios', disk: '.' })), {
    instanceOf: RebekError,
  });
  t.is(directory.code, 'ERR_MACHINE_IMAGE_READ');
});

test('a command line longer than the kernel takes is refused', async (t) => {
  const boot = { kind: 'linux', kernel: 'kernel', cmdline: 'x'.repeat(256) } as const;
  await t.throwsAsync(loadImages(machineOf(boot)), { message: /takes a command line of 255 bytes/ });
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
