import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { RebekError } from '../../src/base/errors.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { parseMachine } from '../../src/machine/schema.ts';

const defaults = { bios: '/cache/bios.bin', vgaBios: '/cache/vga.bin' };
const parse = (text: string, file = '/lab/pc.yaml') => parseMachine(text, file, defaults);

test('a minimal file gets its defaults, and paths relative to the file', (t) => {
  const machine = parse(
    'name: lab\nmemory: 64\nboot: {kind: linux, kernel: ../vmlinuz, initrd: /abs/initrd}\n',
  );
  t.deepEqual(machine, {
    name: 'lab',
    source: '/lab/pc.yaml',
    memory: 64,
    vgaMemory: 2,
    boot: { kind: 'linux', kernel: '/vmlinuz', initrd: '/abs/initrd', cmdline: '' },
    nic: { model: 'ne2k', mac: '00:22:15:86:00:64' },
    serial: 1,
    clock: 'host',
    jit: true,
    acpi: false,
    prompt: 'login: $',
  });
});

test('JSON and YAML say the same', (t) => {
  const data = { name: 'a', memory: 32, boot: { kind: 'multiboot', image: 'k.bin' }, nic: { model: 'none' } };
  const yaml = 'name: a\nmemory: 32\nboot:\n  kind: multiboot\n  image: k.bin\nnic:\n  model: none\n';
  const fromJson = parse(JSON.stringify(data), '/lab/pc.json');
  t.deepEqual({ ...fromJson, source: '' }, { ...parse(yaml), source: '' });
});

test('a BIOS machine without its own BIOS uses the cached one, and boots what it has', (t) => {
  const { boot } = parse('name: a\nmemory: 32\nboot: {kind: bios, disk: hd.img, cdrom: cd.iso}\n');
  t.deepEqual(boot, {
    kind: 'bios',
    bios: defaults.bios,
    vgaBios: defaults.vgaBios,
    disk: '/lab/hd.img',
    cdrom: '/lab/cd.iso',
    order: ['disk', 'cdrom'],
  });
});

test('a clock is brought to UTC, a MAC address to lower case', (t) => {
  const text = 'name: a\nmemory: 32\nboot: {kind: multiboot, image: k}\n';
  const machine = parse(`${text}clock: 2024-05-01T12:00:00+02:00\nnic: {mac: 02:AB:00:00:00:01}\n`);
  t.is(machine.clock, '2024-05-01T10:00:00.000Z');
  t.is(machine.nic.mac, '02:ab:00:00:00:01');
});

const good = { name: 'a', memory: 128, boot: { kind: 'linux', kernel: 'k' } };
const wrong: [title: string, change: Record<string, unknown>, line: RegExp][] = [
  ['memory', { memory: 64.5 }, /memory: expected whole MiB from 1 to 2032, found 64\.5/],
  ['no memory', { memory: undefined }, /memory: expected whole MiB from 1 to 2032, found nothing/],
  ['20 ports', { serial: 20 }, /serial: expected a whole number of serial ports, 1 to 4, found 20/],
  ['boot kind', { boot: { kind: 'efi' } }, /boot\.kind: expected linux, multiboot or bios, found "efi"/],
  [
    'boot',
    { boot: 'linux' },
    /boot: expected a mapping whose kind is linux, multiboot or bios, found "linux"/,
  ],
  ['no kernel', { boot: { kind: 'linux' } }, /boot\.kernel: expected the path of a file, found nothing/],
  ['nic model', { nic: { model: 'e1000' } }, /nic\.model: expected ne2k, virtio or none, found "e1000"/],
  ['multicast', { nic: { mac: '01:00:00:00:00:00' } }, /nic\.mac: expected a unicast address/],
  ['clock', { clock: 'noon' }, /clock: expected 'host', or a date such as/],
  ['clock', { clock: '2024-13-45' }, /clock: expected 'host', or a date such as/],
  ['prompt', { prompt: '(' }, /prompt: expected a regular expression, found "\("/],
  ['acpi', { acpi: true }, /acpi: expected false without a BIOS/],
  ['disk2', { boot: { kind: 'bios', disk2: 'b' } }, /boot\.disk2: expected disk to be given too/],
  [
    'order',
    { boot: { kind: 'bios', order: ['disk', 'disk'] } },
    /boot\.order: expected each of .* found \["disk","disk"\]/,
  ],
  [
    'order',
    { boot: { kind: 'bios', order: ['usb'] } },
    /boot\.order\[0\]: expected cdrom, disk or floppy, found "usb"/,
  ],
  ['unknown', { cpus: 2 }, /cpus: expected one of the fields name, memory, .*found another name/],
  [
    'unknown',
    { boot: { kind: 'linux', kernel: 'k', append: '' } },
    /boot\.append: expected one of the fields kind, kernel/,
  ],
  ['unknown', { nic: { modle: 'ne2k' } }, /nic\.modle: expected one of the fields model, mac/],
  [
    'cmdline',
    { boot: { kind: 'linux', kernel: 'k', cmdline: 'a\nb' } },
    /boot\.cmdline: expected a command line of/,
  ],
];
for (const [i, [title, change, line]] of wrong.entries()) {
  test(`a wrong field is named with what was expected and found: ${title} (${i})`, (t) => {
    const error = t.throws(() => parse(JSON.stringify({ ...good, ...change }), '/lab/pc.json'), {
      instanceOf: RebekError,
    });
    t.is(error.code, 'ERR_MACHINE_FIELD');
    t.is(error.exitCode, 2);
    t.regex(error.message, line);
    t.true(error.message.startsWith('/lab/pc.json: '), error.message);
  });
}

test('every wrong field gets its line', (t) => {
  const error = t.throws(() => parse('name: ""\nmemory: 0\nboot: {kind: linux}\n'), {
    instanceOf: RebekError,
  });
  t.is(error.message.split('\n').length, 3);
});

test('what is neither JSON nor YAML is told with its place', (t) => {
  for (const [file, text] of [
    ['/lab/a.json', '{"name": '],
    ['/lab/a.yaml', 'name: x\n  memory: [1\n'],
  ] as const) {
    const error = t.throws(() => parse(text, file), { instanceOf: RebekError });
    t.is(error.code, 'ERR_MACHINE_SYNTAX');
    t.true(error.message.startsWith(`${file}: not valid`));
  }
});

test('an unknown name lists the built-ins; a missing file and a file by path are told apart', async (t) => {
  const unknown = await t.throwsAsync(loadMachine('debain'), { instanceOf: RebekError });
  t.is(unknown.code, 'ERR_MACHINE_UNKNOWN');
  t.regex(unknown.hint ?? '', /debian/);
  const missing = await t.throwsAsync(loadMachine('./none.yaml'), { instanceOf: RebekError });
  t.is(missing.code, 'ERR_MACHINE_READ');
  const folder = await mkdtemp(join(tmpdir(), 'rebek-machine-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'pc.yml'), 'name: pc\nmemory: 8\nboot: {kind: multiboot, image: a.bin}\n');
  const machine = await loadMachine(join(folder, 'pc.yml'));
  t.like(machine.boot, { image: join(folder, 'a.bin') });
  t.is((await loadMachine('debian')).boot.kind, 'linux');
});
