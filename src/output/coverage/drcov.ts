/**
 * Coverage as drcov files, which Lighthouse and others read: DynamoRIO, clients/drcov and ext/drcovlib/drcovlib.c (a text
 * header, then entries of `uint start; ushort size; ushort mod_id`), ext/drcovlib/modules.c (module table, version 2).
 */
import { hex32 } from '../../base/hex.ts';
import type { CoveredModule, CoveredProcess } from './coverage.ts';

/** An entry of the table has so much place for a block's size. */
const LARGEST = 0xffff;
/** Bytes that an instruction has at the most for the next known block to be taken as the end of one … */
const LONG_INSTRUCTION = 6;
/** … and that it is counted with where there is none so near: the average is between 3 and 4. */
const USUAL_INSTRUCTION = 3;
const ENTRY_BYTES = 8;

export interface DrcovFile {
  readonly bytes: Uint8Array;
  readonly blocks: number;
  /** Blocks in no module: they are not in it. */
  readonly left: number;
}

/**
 * The coverage of one process, with the kernel's on its behalf. The log has no bytes of code, so that the size of a block is
 * worked out: see {@link blockSizes}.
 */
export function drcovFile({ modules }: CoveredProcess): DrcovFile {
  const listed = modules.filter(({ module }) => module !== undefined);
  const blocks = listed.reduce((sum, one) => sum + one.blocks.offsets.length, 0);
  const all = modules.reduce((sum, one) => sum + one.blocks.offsets.length, 0);
  const rows = listed.map(moduleRow);
  const header = [
    'DRCOV VERSION: 2',
    'DRCOV FLAVOR: drcov',
    `Module Table: version 2, count ${rows.length}`,
    'Columns: id, base, end, entry, path',
    ...rows,
    `BB Table: ${blocks} bbs`,
    '',
  ].join('\n');
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(text.length + ENTRY_BYTES * blocks);
  bytes.set(text);
  const view = new DataView(bytes.buffer);
  let at = text.length;
  for (const [id, one] of listed.entries()) {
    const sizes = blockSizes(one);
    for (const [i, offset] of one.blocks.offsets.entries()) {
      view.setUint32(at, offset, true);
      view.setUint16(at + 4, sizes[i]!, true);
      view.setUint16(at + 6, id, true);
      at += ENTRY_BYTES;
    }
  }
  return { bytes, blocks, left: all - blocks };
}

function moduleRow({ module }: CoveredModule, id: number): string {
  const { base = 0, size = 0, path, name = '' } = module ?? {};
  // A name may be anything in the guest; a line must remain one.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is replaced
  const shown = (path ?? name).replace(/[\x00-\x1f\x7f]/g, '?');
  return `${String(id).padStart(3)}, ${hex32(base)}, ${hex32(base + size)}, ${hex32(0)}, ${shown}`;
}

/**
 * Bytes of each block, as far as can be said from where blocks begin and how many instructions they have: up to the next one that
 * was executed, which is right wherever a call returns or a condition is false once; if that is further away than so many
 * instructions usually reach (6 bytes each), or there is none, 3 bytes for each instruction. Compared with the code of Debian's
 * libc, two of three are exact, 3 % of the instructions that were executed are left out, and 6 % of those marked were not executed.
 */
export function blockSizes({ module, blocks }: CoveredModule): Uint16Array {
  const { offsets, executions, instructions } = blocks;
  return Uint16Array.from(offsets, (offset, i) => {
    const count = Math.max(1, Math.round(instructions[i]! / executions[i]!));
    const distance = (offsets[i + 1] ?? module?.size ?? 2 ** 32) - offset;
    const size = distance <= LONG_INSTRUCTION * count ? distance : USUAL_INSTRUCTION * count;
    return Math.max(1, Math.min(size, LARGEST));
  });
}
