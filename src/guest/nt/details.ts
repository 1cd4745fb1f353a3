/** What a process's own memory says of it: RTL_USER_PROCESS_PARAMETERS behind the PEB. */
import type { VirtualMemory } from '../memory.ts';
import type { ProcessDetails } from '../os.ts';

/** Offsets in the PEB, the same in all NT. */
const PARAMETERS = 0x10;
/** Offsets in RTL_USER_PROCESS_PARAMETERS. */
const Parameters = { flags: 8, imagePath: 0x38, commandLine: 0x40, environment: 0x48 } as const;
/** RTL_USER_PROC_PARAMS_NORMALIZED: pointers are pointers; without it, offsets from the beginning. */
const NORMALIZED = 1;
const LONGEST_TEXT = 0x8000;
/** Bytes of an environment that are read: NT allows no more before NT 6. */
const LONGEST_ENVIRONMENT = 0x1_0000;
const PAGE = 4096;

const NOTHING: ProcessDetails = {
  imagePath: undefined,
  commandLine: undefined,
  arguments: undefined,
  environment: undefined,
};

export function processDetails(memory: VirtualMemory, peb: number): ProcessDetails {
  const block = memory.u32(peb + PARAMETERS);
  if (!block) return NOTHING;
  const normalized = ((memory.u32(block + Parameters.flags) ?? 0) & NORMALIZED) !== 0;
  const text = (offset: number): string | undefined => {
    const length = memory.u16(block + offset);
    const pointer = memory.u32(block + offset + 4);
    if (length === undefined || length === 0 || length > LONGEST_TEXT || !pointer) return undefined;
    // An offset is small: nothing is mapped at such addresses.
    const at = !normalized && pointer < 0x1_0000 ? block + pointer : pointer;
    const found = memory.utf16(at, length);
    return found?.length === length >> 1 ? found : undefined;
  };
  return {
    imagePath: text(Parameters.imagePath),
    commandLine: text(Parameters.commandLine),
    arguments: undefined,
    environment: environment(memory, memory.u32(block + Parameters.environment)),
  };
}

/** Strings that each end in a zero, and after the last one another. */
function environment(memory: VirtualMemory, at: number | undefined): readonly string[] | undefined {
  if (!at) return undefined;
  const variables: string[] = [];
  let rest = '';
  for (let read = 0; read < LONGEST_ENVIRONMENT; ) {
    const taken = PAGE - ((at + read) & (PAGE - 1));
    const text = memory.utf16(at + read, taken);
    if (text === undefined || text === '') break;
    read += taken;
    const parts = (rest + text).split('\0');
    rest = parts.pop()!;
    for (const part of parts) {
      if (part === '') return variables;
      variables.push(part);
    }
  }
  // It goes on where there is no page, or for ever: what is whole is told.
  return variables.length > 0 ? variables : undefined;
}
