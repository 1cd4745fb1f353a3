/** What must be true of reading a guest whose memory makes no sense any more. */
import type { ExecutionContext } from 'ava';
import { GuestCpu } from '../../../src/guest/cpu.ts';
import { findLinux, type LinuxOs } from '../../../src/guest/linux/linux.ts';

/**
 * Everything ends, and nothing is thrown, while words in and around the kernel's objects are exchanged.
 * @param os the guest as it was
 */
export function checkSpoiled(
  t: ExecutionContext,
  os: LinuxOs,
  { cpu, bytes }: { cpu: GuestCpu; bytes: Uint8Array },
): void {
  const { ramStart, ramBytes } = cpu.physical.layout;
  let seed = 86;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const late = findLinux(cpu)!;
  late.processes();
  const pageOffset = 0xc0000000;
  const objects = os.threads().map(({ address }) => address - pageOffset);
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 400; i++) {
      const around = objects[random(objects.length)]!;
      // Words that lead somewhere else, mostly.
      const at = ramStart + (i % 4 === 0 ? random(ramBytes) & ~3 : around + (random(2000) & ~3));
      const to = ramStart + objects[random(objects.length)]! + (random(2000) & ~3);
      for (let byte = 0; byte < 4; byte++) bytes[at + byte] = i % 3 === 0 ? random(256) : bytes[to + byte]!;
    }
    // One that knows the offsets already, and one that looks for them in this.
    const early = findLinux(
      new GuestCpu({ buffer: bytes.buffer } as WebAssembly.Memory, cpu.physical.layout),
    );
    const start = performance.now();
    for (const system of [late, early]) {
      if (system === undefined) continue;
      for (const { process } of system.threads().slice(0, 100)) {
        system.details(process);
        system.modules(process);
        for (let descriptor = 0; descriptor < 12; descriptor++) system.object(process, descriptor);
      }
      system.modules();
      system.thread(system.currentThread());
      system.symbolAt(0x08048123, system.processes()[0]);
    }
    t.true(performance.now() - start < 20_000);
  }
}
