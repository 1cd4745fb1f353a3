/** What a replay knows of the log's ops beyond their numbers. */
import { NESTED, Op, opInfo } from '../trace/ops.ts';
import type { AccessSpace } from './observer.ts';

/** The inputs that are reads, what of, and their widths in bytes. */
export const READS: ReadonlyMap<number, readonly [AccessSpace, number]> = new Map([
  [Op.io_port_read8, ['port', 1]],
  [Op.io_port_read16, ['port', 2]],
  [Op.io_port_read32, ['port', 4]],
  [Op.mmap_read8, ['mmio', 1]],
  [Op.mmap_read32, ['mmio', 4]],
]);

/** The outputs that go to I/O ports, and their widths in bytes. */
export const PORT_WRITES: ReadonlyMap<number, 1 | 2 | 4> = new Map([
  [Op.io_port_write8, 1],
  [Op.io_port_write16, 2],
  [Op.io_port_write32, 4],
]);

/** The op's name, for people. */
export function describe(op: number): string {
  if ((op & ~NESTED) === 0) return 'the end of the log';
  return opInfo.get(op & ~NESTED)?.name ?? `op ${op & ~NESTED}`;
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}
