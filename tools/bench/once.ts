/** One measured run in a process of its own: `once.js MODE WORKLOAD TRACE`; prints one line of JSON. */
import { createPc } from '../../src/engine/pc.ts';
import { defineHooks, type HookFile } from '../../src/hooks/api.ts';
import { syscalls } from '../../src/hooks/packs/syscalls.ts';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { analyse } from '../../src/output/analysis.ts';
import { Recording } from '../../src/record/recording.ts';
import { runScript, type ScriptTarget } from '../../src/record/script-runner.ts';
import { replayTrace } from '../../src/replay/replay.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { workload } from './workloads.ts';

export interface Measured {
  /** From the first instruction to the last, s. */
  readonly seconds: number;
  readonly instructions: number;
  /** Largest resident set of the process, MiB. */
  readonly peakMiB: number;
  readonly events?: number;
  readonly outputs?: number;
  readonly bitsPerInstruction?: number;
  readonly traceBytes?: number;
  /** Records of the control-flow log, and their bytes in the file. */
  readonly flowRecords?: number;
  readonly flowBytes?: number;
  /** Calls that hooks have seen from beginning to end. */
  readonly calls?: number;
}

const [mode, name, trace] = process.argv.slice(2) as [string, string, string];

function target(
  pc: { onSerial: (cb: (port: number, byte: number) => void) => () => void },
  send: ScriptTarget['send'],
) {
  return {
    send,
    onOutput: (cb) => pc.onSerial((port, byte) => cb(port, Uint8Array.of(byte))),
  } as ScriptTarget;
}

async function plain(): Promise<Omit<Measured, 'peakMiB'>> {
  const { machine: source, script } = workload(name);
  const machine = await loadMachine(source);
  const pc = await createPc(machine, await loadImages(machine));
  let instructions = 0;
  let last = 0;
  const count = () => {
    const now = pc.cpu.instruction_counter[0]!;
    instructions += (now - last) >>> 0;
    last = now;
  };
  const timer = setInterval(count, 500);
  const started = performance.now();
  pc.run();
  await runScript(
    script,
    target(pc, (port, bytes) => pc.sendSerial(port, bytes)),
  );
  await pc.stop();
  const seconds = (performance.now() - started) / 1000;
  count();
  clearInterval(timer);
  return { seconds, instructions };
}

async function record(flow: boolean): Promise<Omit<Measured, 'peakMiB'>> {
  const { machine: source, script } = workload(name);
  const machine = await loadMachine(source);
  const recording = await Recording.start({
    machine,
    images: await loadImages(machine),
    output: trace,
    overwrite: true,
    flow,
  });
  await runScript(
    script,
    target(recording.pc, (port, bytes) => recording.sendSerial(port, bytes)),
  );
  const { wallMs } = recording.status();
  const result = await recording.finish('script', 'benchmark');
  const info = describeTrace(trace);
  return {
    seconds: wallMs / 1000,
    instructions: result.instructions,
    events: result.events,
    outputs: result.outputs,
    bitsPerInstruction: info.logBitsPerInstruction!,
    traceBytes: info.size,
    flowBytes: info.chunks['FLOW']?.fileBytes ?? 0,
  };
}

async function replay(controlFlow: boolean): Promise<Omit<Measured, 'peakMiB'>> {
  const result = await replayTrace(trace, { controlFlow });
  return { seconds: result.wallMs / 1000, instructions: result.instructions };
}

/** Reads the control-flow log, and does nothing with it. */
function decode(): Omit<Measured, 'peakMiB'> {
  const file = TraceFile.open(trace);
  const started = performance.now();
  let flowRecords = 0;
  for (const { count } of file.flow()) flowRecords += count;
  const seconds = (performance.now() - started) / 1000;
  const instructions = file.summary?.instructions ?? 0;
  file.close();
  return { seconds, instructions, flowRecords };
}

/** A replay under hooks: none, cold ones, one hot function with empty handlers, or every system call described. */
async function hooked(hooks: readonly HookFile[]): Promise<Omit<Measured, 'peakMiB'>> {
  const started = performance.now();
  const { replay, calls } = await analyse(trace, {
    hooks,
    onLine: () => {},
    onProblem: ({ error }) => {
      throw error;
    },
  });
  return { seconds: (performance.now() - started) / 1000, instructions: replay.instructions, calls };
}

/** Addresses that the guest never executes, with all low bits alike: the worst case of the probes' first look. */
const cold = (count: number) =>
  defineHooks('cold', ({ call }) => {
    for (let i = 0; i < count; i++)
      call(0x20000000 + (Math.imul(i, 0x9e3779b1) >>> 4), { pre() {}, post() {} });
  });
const hot = defineHooks('hot', ({ call }) => call('sys_read', { pre() {}, post() {} }));

const modes: Record<string, () => Promise<Omit<Measured, 'peakMiB'>>> = {
  plain,
  record: () => record(false),
  recordFlow: () => record(true),
  replay: () => replay(false),
  replayFlow: () => replay(true),
  decode: async () => decode(),
  probes: () => hooked([]),
  cold1000: () => hooked([cold(1000)]),
  cold10000: () => hooked([cold(10_000)]),
  hot: () => hooked([hot]),
  syscalls: () => hooked([syscalls]),
};
const measured: Measured = { ...(await modes[mode]!()), peakMiB: process.resourceUsage().maxRSS / 1024 };
console.log(JSON.stringify(measured));
process.exit(0);
