/** One measured run in a process of its own: `once.js MODE WORKLOAD TRACE`; prints one line of JSON. */
import { createPc } from '../../src/engine/pc.ts';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { Recording } from '../../src/record/recording.ts';
import { runScript, type ScriptTarget } from '../../src/record/script-runner.ts';
import { replayTrace } from '../../src/replay/replay.ts';
import { describeTrace } from '../../src/trace/info.ts';
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

async function record(): Promise<Omit<Measured, 'peakMiB'>> {
  const { machine: source, script } = workload(name);
  const machine = await loadMachine(source);
  const recording = await Recording.start({
    machine,
    images: await loadImages(machine),
    output: trace,
    overwrite: true,
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
  };
}

async function replay(): Promise<Omit<Measured, 'peakMiB'>> {
  const result = await replayTrace(trace);
  return { seconds: result.wallMs / 1000, instructions: result.instructions };
}

const modes: Record<string, () => Promise<Omit<Measured, 'peakMiB'>>> = { plain, record, replay };
const measured: Measured = { ...(await modes[mode]!()), peakMiB: process.resourceUsage().maxRSS / 1024 };
console.log(JSON.stringify(measured));
process.exit(0);
