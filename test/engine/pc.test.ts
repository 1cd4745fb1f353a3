import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createPc, type FrameDirection, type HaltReason, type Pc } from '../../src/engine/pc.ts';
import { biosPaths } from '../../src/machine/cache.ts';
import { loadImages } from '../../src/machine/images.ts';
import { checkMachine, type MachineFile } from '../../src/machine/schema.ts';
import { bootPc, debianGuest, ensureBuilt } from '../support/debian.ts';

const etherType = (frame: Uint8Array): number => ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);

test.serial(
  'Debian boots to a login; its clock, files, services and network are right; nothing gets out',
  async (t) => {
    t.timeout(300_000);
    const { machine, images } = await debianGuest();
    const realFetch = globalThis.fetch;
    let fetched = 0;
    globalThis.fetch = () => {
      fetched++;
      return Promise.reject(new Error('a guest used the host’s network'));
    };
    t.teardown(() => {
      globalThis.fetch = realFetch;
    });
    const twoPorts = { ...machine, serial: 2, clock: '2020-02-02T02:02:02.000Z' };
    const { pc, console } = await bootPc(twoPorts, images);
    t.teardown(() => pc.destroy());
    const frames: { direction: FrameDirection; type: number }[] = [];
    const off = pc.onFrame((direction, frame) => frames.push({ direction, type: etherType(frame) }));

    await console.logIn();
    const date = await console.run('date -u +%F');
    t.is(date, '2020-02-02', 'the boot clock');
    t.is(await console.run('uname -m'), 'i686');

    // What the kernel made of our cpio archive.
    t.is(
      await console.run("stat -c '%A %u %g' /etc/shadow /init /root /var/www"),
      '-rw-r----- 0 0\n-rwxr-xr-x 0 0\ndrwx------ 0 0\ndrwxr-xr-x 0 0',
    );
    t.is(await console.run('stat -c %Y /bin/busybox'), '0');
    t.is(await console.run('readlink /var/run'), '/run');
    t.is(await console.run('id -un user; cat /home/user/notes.txt | wc -l'), 'user\n1');

    t.regex(
      await console.run('ifconfig eth0'),
      /HWaddr 00:22:15:86:00:64[\s\S]*inet addr:192\.168\.86\.100 /,
    );
    frames.length = 0;
    t.regex(await console.run('ping -c1 192.168.86.1'), /1 packets received, 0% packet loss/);
    // The kernel solicits IPv6 routers by itself; of the rest, each answer follows its question.
    const asked = frames.filter(({ type }) => type !== 0x86dd);
    t.deepEqual(asked, [
      { direction: 'out', type: 0x0806 },
      { direction: 'in', type: 0x0806 },
      { direction: 'out', type: 0x0800 },
      { direction: 'in', type: 0x0800 },
    ]);
    off();

    for (const url of ['http://93.184.215.14/', 'http://example.com/', 'http://80.external/']) {
      t.regex(await console.run(`wget -O - ${url}`), /Connection refused/, url);
    }
    t.is(fetched, 0);

    const listening = await console.run('netstat -ltn');
    for (const port of [22, 23, 80]) t.regex(listening, new RegExp(`:${port} .*LISTEN`));
    t.regex(await console.run('wget -q -O - http://127.0.0.1/'), /It works!/);
    t.is(
      await console.run('DROPBEAR_PASSWORD=user dbclient -y user@127.0.0.1 id -un 2>/dev/null'),
      'user',
      'SSH',
    );

    await console.logIn('user', 1);
    t.is(await console.run('id -un', 1), 'user', 'the second serial port');
    const error = t.throws(() => pc.sendSerial(2, Uint8Array.of(10)), { message: /no serial port 2/ });
    t.is((error as { code?: string }).code, 'ERR_ENGINE_SERIAL');

    // A paste far longer than any FIFO arrives whole.
    const paste = `${'0123456789abcdef'.repeat(4)}\n`.repeat(200);
    const sum = createHash('md5').update(paste).digest('hex');
    console.type("cat > /tmp/paste; md5sum < /tmp/paste; echo E''ND\n");
    console.type(`${paste}\x04`);
    t.true((await console.waitFor(/\nEND\r\n/)).includes(`${sum}  -`));
  },
);

test.serial('a virtio NIC works as well; a saved state goes on; halt and reset are told', async (t) => {
  t.timeout(300_000);
  const { machine, images } = await debianGuest();
  const virtio = { ...machine, nic: { ...machine.nic, model: 'virtio' as const } };
  const first = await bootPc(virtio, images);
  await first.console.logIn();
  t.regex(await first.console.run('ifconfig eth0'), /HWaddr 00:22:15:86:00:64[\s\S]*192\.168\.86\.100 /);
  t.regex(await first.console.run('lsmod'), /virtio_net/);
  t.regex(await first.console.run('ping -c1 192.168.86.1'), /1 packets received/);
  await first.console.run('echo kept > /tmp/kept');
  await first.pc.stop();
  const mxcsr = ({ cpu }: Pc) => new Int32Array(cpu.wasm_memory.buffer, 824, 1);
  mxcsr(first.pc)[0] = 0x9f80;
  const state = await first.pc.saveState();
  await first.pc.destroy();

  const restored = await createPc(virtio, images, { initialState: state.slice(0) });
  t.is(mxcsr(restored)[0], 0x9f80, 'a register that v86’s own restore forgets');
  await restored.destroy();

  const ends = { poweroff: 'halt', reboot: 'reset' } as const;
  for (const [command, expected] of Object.entries(ends)) {
    const { pc, console } = await bootPc(virtio, images, { initialState: state.slice(0) });
    t.is(await console.run('cat /tmp/kept'), 'kept');
    t.regex(await console.run('ping -c1 192.168.86.1'), /1 packets received/);
    const halted = new Promise<HaltReason>((resolve) => pc.onHalt(resolve));
    console.type(`${command}\n`);
    t.is(await halted, expected, command);
    await pc.destroy();
  }

  const small = { ...virtio, memory: 96 };
  const wrong = await t.throwsAsync(createPc(small, images, { initialState: state }));
  t.is((wrong as { code?: string }).code, 'ERR_ENGINE_STATE');
  t.regex(wrong.message, /128 MiB of memory, debian has 96 MiB/);
});

test.serial('what is no state, and a boundary that fails, are errors', async (t) => {
  const { machine, images } = await debianGuest();
  for (const bytes of [
    new ArrayBuffer(0),
    new ArrayBuffer(64),
    Uint32Array.of(0x86768676, 6, 99, 0).buffer,
  ]) {
    const error = await t.throwsAsync(createPc(machine, images, { initialState: bytes }));
    t.is((error as { code?: string }).code, 'ERR_ENGINE_STATE');
  }
  const wasmFn = () => Promise.reject(new Error('no WASM today'));
  await t.throwsAsync(createPc(machine, images, { wasmFn }), { message: 'no WASM today' });
});

test.serial('the interpreter alone, and a machine without a NIC', async (t) => {
  const { machine, images } = await debianGuest();
  const plain = { ...machine, jit: false, nic: { ...machine.nic, model: 'none' as const } };
  const { pc } = await bootPc(plain, images);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await pc.stop();
  const count = pc.cpu.instruction_counter[0] ?? 0;
  t.true(count > 100_000, 'it runs');
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.is(pc.cpu.instruction_counter[0], count, 'stopped is stopped');
  pc.run();
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.not(pc.cpu.instruction_counter[0], count, 'and goes on');
  await pc.destroy();
});

/** Machine code that says a letter on the first serial port and halts for good; the same in 16 and 32 bits. */
const sayAndHalt = (letter: string): number[] => [0xb0, letter.charCodeAt(0), 0xee, 0xfa, 0xf4];

test.serial('a Multiboot image starts without a BIOS, a floppy with one', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rebek-pc-'));
  t.teardown(() => rmSync(folder, { recursive: true }));

  const image = new Uint8Array(0x100);
  const [load, header] = [0x10_0000, new DataView(image.buffer)];
  const fields = [0x1bad_b002, 0x1_0000, -0x1bae_b002, load, load, load + 0x100, load + 0x1000, load + 0x40];
  for (const [i, field] of fields.entries()) header.setInt32(4 * i, field, true);
  image.set([0x66, 0xba, 0xf8, 0x03, ...sayAndHalt('M')], 0x40); // mov dx, 0x3f8
  writeFileSync(join(folder, 'image'), image);

  const floppy = new Uint8Array(1440 * 1024);
  floppy.set([0xba, 0xf8, 0x03, ...sayAndHalt('F')]);
  floppy.set([0x55, 0xaa], 510);
  writeFileSync(join(folder, 'floppy'), floppy);

  const boots: [letter: string, boot: MachineFile['boot']][] = [
    ['M', { kind: 'multiboot', image: 'image' }],
    ['F', { kind: 'bios', floppy: 'floppy' }],
  ];
  await ensureBuilt('bios');
  for (const [letter, boot] of boots) {
    const machine = checkMachine({ name: boot.kind, memory: 16, boot }, 'test', folder, biosPaths());
    const pc = await createPc(machine, await loadImages(machine));
    let said = '';
    pc.onSerial((port, byte) => {
      said += `${port}${String.fromCharCode(byte)}`;
    });
    const halted = new Promise<HaltReason>((resolve) => pc.onHalt(resolve));
    pc.run();
    t.is(await halted, 'halt');
    t.is(said, `0${letter}`);
    await pc.destroy();
  }
});
