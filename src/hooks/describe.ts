/**
 * Calls in words: arguments with what they point to, results by name. What the arguments point to is read when it is first
 * asked for, at the entry if it is asked for there; what a call gives back, once it has returned.
 */
import { PtRegs } from '../guest/linux/pt-regs.ts';
import { beginSystemCall, type DecodedEntry, finishSystemCall } from '../guest/linux/syscall-decode.ts';
import { type SystemCall, systemCallByNumber } from '../guest/linux/syscalls.ts';
import type { VirtualMemory } from '../guest/memory.ts';
import { beginNtCall, finishNtCall, type NtEntry } from '../guest/nt/decode.ts';
import type { GuestOs } from '../guest/os.ts';
import type { CallRecord, Description } from './call-record.ts';

/** The description of a call as it is now. */
export function describeCall(call: CallRecord, os: GuestOs | undefined, memory: VirtualMemory): Description {
  const { systemCall } = call;
  if (os?.family === 'linux' && systemCall !== undefined) {
    return describeLinux(call, systemCallByNumber(systemCall) ?? systemCall, memory);
  }
  if (os?.family === 'nt' && systemCall !== undefined) return describeNt(call, memory);
  return describeWords(call);
}

const hex = (word: number): string => `0x${word.toString(16)}`;

function describeWords(call: CallRecord): Description {
  const parameters = call.frame.fn.fn.signature?.parameters;
  const described = call.words.map((value, i) => {
    const name = parameters?.[i]?.name ?? `arg${i}`;
    return { name, type: parameters?.[i]?.type ?? 'word', value, text: hex(value) };
  });
  return {
    name: call.name,
    arguments: described,
    resultText: call.result === undefined ? ended(call) : hex(call.result),
  };
}

/** What stands for the result of a call that has none. */
const ended = ({ outcome }: CallRecord): string => (outcome === 'open' ? '?' : `? (${outcome})`);

function describeLinux(call: CallRecord, known: SystemCall | number, memory: VirtualMemory): Description {
  call.described ??= begin(call, known, memory);
  const entry = call.described as DecodedEntry;
  const { name, arguments: decoded, resultText } = finishSystemCall(entry, call.result, memory);
  return { name, arguments: decoded, resultText: call.result === undefined ? ended(call) : resultText };
}

function begin(call: CallRecord, known: SystemCall | number, memory: VirtualMemory): DecodedEntry {
  const interrupted = call.restartOf?.name.replace(/^sys_/, '');
  const inRegisters = call.frame.fn.fn.signature?.convention === 'pt_regs';
  const stack = inRegisters ? memory.u32(call.accumulator + PtRegs.sp) : undefined;
  return beginSystemCall(known, call.words, memory, {
    ...(interrupted !== undefined && { interrupted }),
    ...(stack !== undefined && { stack }),
  });
}

function describeNt(call: CallRecord, memory: VirtualMemory): Description {
  const { process } = call;
  const object = (handle: number) => process?.object(handle);
  const parameters = call.frame.fn.fn.signature?.parameters ?? [];
  call.described ??= beginNtCall(call.name, parameters, call.words, memory, object);
  const { arguments: decoded, resultText } = finishNtCall(
    call.described as NtEntry,
    call.result,
    memory,
    object,
  );
  const { name, result } = call;
  return { name, arguments: decoded, resultText: result === undefined ? ended(call) : resultText };
}
