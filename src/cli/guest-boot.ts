/** `rebek guest boot GUEST --save STATE`: boots without recording, so that recordings can begin at the prompt. */
import type { CommandModule } from 'yargs';
import { RebekError } from '../base/errors.ts';
import { createPc, type Pc } from '../engine/pc.ts';
import type { Pattern, Script } from '../record/script.ts';
import { printPattern } from '../record/script.ts';
import { runScript, waitForOutput } from '../record/script-runner.ts';
import { decodeBytes, visible } from '../record/script-text.ts';
import { writeStateFile } from '../trace/state-file.ts';
import { StreamBatch } from '../trace/stream.ts';
import { count, jsonOption, pattern, seconds, text, valueOption } from './arguments.ts';
import { ConsoleHistory, ConsoleTap } from './console-tap.ts';
import { GIVEN_UP } from './errors.ts';
import { formatBytes, formatCount, formatDuration, formatExact, formatTable } from './format.ts';
import { checkTarget, type GuestSource, loadSource } from './guest-source.ts';
import { output, say } from './output.ts';
import { readScript } from './script-file.ts';
import { quote, self } from './self.ts';
import { Signals } from './signals.ts';
import { describeState, type SaidBefore } from './state-meta.ts';
import { StatusLine } from './status-line.ts';

interface Arguments {
  guest: string;
  save: string | undefined;
  until: Pattern | undefined;
  script: string | undefined;
  timeout: number | undefined;
  console: number | undefined;
  force: boolean;
  jit: boolean;
  json: boolean;
}

const DEFAULT_TIMEOUT = 600;
const STATUS_MS = 250;
/** Bytes that a guest may have written to I/O port 0xE9 for a state to keep them. */
const DEBUG_KEPT = 1 << 20;

export const guestBootCommand: CommandModule<object, Arguments> = {
  command: 'boot <guest>',
  describe: 'boot a guest without recording and save its state',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 guest boot GUEST --save STATE\n\nBoots a guest until it is ready, and saves its state for `rebek record GUEST ' +
          '--from STATE`. Ready is when its script is through, when the console says what --until asks for, or else ' +
          "when it says what the machine's `prompt` asks for.",
      )
      .positional('guest', {
        type: 'string',
        demandOption: true,
        describe: 'a built-in guest or a machine file',
      })
      .option('save', { ...valueOption('where to save the state', text('save')), demandOption: true })
      .option(
        'until',
        valueOption('ready when the console says this (a regular expression)', pattern('until')),
      )
      .option(
        'script',
        valueOption('drive the console with this script; see `rebek record --help`', text('script')),
      )
      .option(
        'timeout',
        valueOption(`give up after so many seconds [default: ${DEFAULT_TIMEOUT}]`, seconds('timeout')),
      )
      .option('console', valueOption('the serial port to use, from 0 [default: 0]', count('console', 3)))
      .option('force', { type: 'boolean', default: false, describe: 'replace an existing file' })
      .option('jit', {
        type: 'boolean',
        default: true,
        describe: 'compile hot guest code; --no-jit only interprets',
      })
      .option('json', { ...jsonOption, describe: 'print what was saved as JSON on standard output' })
      .example('$0 guest boot debian --save ready.state', 'at the login prompt')
      .example('$0 guest boot debian --save root.state --script login.script', 'logged in'),
  handler: boot,
};

async function boot(args: Arguments): Promise<void> {
  // yargs demands it; only the type does not say so.
  const save = args.save ?? '';
  const script = args.script === undefined ? undefined : await readScript(args.script);
  await checkTarget('save', save, args.force);
  const source = await loadSource({ guest: args.guest, jit: args.jit, console: args.console ?? 0 });
  const booted = await bootUntilReady(source, {
    script,
    until: args.until,
    timeout: args.timeout ?? DEFAULT_TIMEOUT,
    console: args.console ?? 0,
  });
  const { machine, images } = source;
  const meta = describeState(machine, images, booted.instructions, booted.said);
  const file = writeStateFile(save, meta, booted.state, { overwrite: args.force });
  if (args.json) {
    const { debug: _, ...known } = meta;
    return output.json({ file: save, bytes: file.length, ready: booted.ready, ...known });
  }
  const rows: [string, string][] = [
    ['state', `${save}, ${formatBytes(file.length)}`],
    ['booted', `${formatExact(booted.instructions)} instructions in ${formatDuration(booted.wallMs)}`],
    ['ready', booted.ready],
    ['use it', `${self()} record ${quote(args.guest)} --from ${quote(save)}`],
  ];
  await output.line(formatTable(rows));
}

interface BootPlan {
  readonly script: Script | undefined;
  readonly until: Pattern | undefined;
  /** Seconds. */
  readonly timeout: number;
  readonly console: number;
}
interface Booted {
  readonly state: ArrayBuffer;
  readonly instructions: number;
  readonly wallMs: number;
  /** How that it is ready was seen. */
  readonly ready: string;
  readonly said: SaidBefore;
}

async function bootUntilReady(source: GuestSource, plan: BootPlan): Promise<Booted> {
  const pc = await createPc(source.machine, source.images);
  const tap = new ConsoleTap(pc, (port, bytes) => pc.sendSerial(port, bytes));
  const history = new ConsoleHistory(tap);
  const debug = new StreamBatch();
  pc.onDebugPort((value, bytes) => {
    if (debug.bytes <= DEBUG_KEPT) debug.put(0, value, bytes);
  });
  const signals = new Signals(() => process.exit(GIVEN_UP));
  const abort = new AbortController();
  const counter = new InstructionCounter(pc);
  const status = showBoot(source.machine.name, tap, counter, plan.console);
  const timer = setTimeout(
    () => abort.abort(timedOut(source, plan, status.lastLine())),
    Math.min(plan.timeout * 1000, 2 ** 31 - 1),
  );
  try {
    pc.onHalt((reason) => {
      tap.flush();
      abort.abort(ended(reason, status.lastLine()));
    });
    void signals.first.then(() => abort.abort(new RebekError('ERR_ABORTED', 'given up; nothing was saved')));
    pc.run();
    const ready = await waitUntilReady(source, plan, tap, abort.signal, status.log);
    await pc.stop();
    tap.flush();
    const { wallMs } = counter;
    return {
      state: await pc.saveState(),
      instructions: counter.read(),
      wallMs,
      ready,
      said: {
        shown: history.read(),
        debug: debug.bytes <= DEBUG_KEPT ? debug.data : undefined,
      },
    };
  } finally {
    clearTimeout(timer);
    status.close();
    signals.close();
    tap.close();
    await pc.destroy();
  }
}

async function waitUntilReady(
  { machine }: GuestSource,
  plan: BootPlan,
  tap: ConsoleTap,
  signal: AbortSignal,
  onLog: (text: string) => void,
): Promise<string> {
  const { script, console } = plan;
  const prompt: Pattern = { kind: 'regex', source: machine.prompt, flags: '' };
  const until = plan.until ?? (script === undefined ? prompt : undefined);
  // Listening from the beginning: the script may run past what --until waits for.
  const seen = until === undefined ? undefined : waitForOutput(tap, console, until, { signal });
  seen?.catch(() => {});
  if (script !== undefined) await runScript(script, tap, { signal, console, onLog });
  if (seen === undefined) return `the script ${script?.file} came to its end`;
  const match = await seen;
  return `console ${console} said "${visible(match)}"`;
}

/** The CPU's own counter has 32 bits: it is read more often than it overflows. */
class InstructionCounter {
  private readonly began = performance.now();
  private readonly pc: Pc;
  private total = 0;
  private last: number;

  constructor(pc: Pc) {
    this.pc = pc;
    this.last = pc.cpu.instruction_counter[0] ?? 0;
  }

  get wallMs(): number {
    return performance.now() - this.began;
  }

  read(): number {
    const now = this.pc.cpu.instruction_counter[0] ?? 0;
    this.total += (now - this.last) >>> 0;
    this.last = now;
    return this.total;
  }
}

function showBoot(name: string, tap: ConsoleTap, counter: InstructionCounter, console: number) {
  const status = new StatusLine({ plain: true });
  let tail = '';
  tap.onOutput((port, bytes) => {
    if (port === console) tail = (tail + decodeBytes(bytes)).slice(-400);
  });
  const lastLine = (): string => visible(tail.trimEnd().split('\n').at(-1)?.trim() ?? '');
  const timer = setInterval(() => {
    const instructions = counter.read();
    status.update(() => {
      const figures = `${formatDuration(counter.wallMs)} · ${formatCount(instructions)} instructions`;
      return `booting ${name}: ${figures} · ${lastLine()}`;
    });
  }, STATUS_MS);
  const log = (text: string): void => {
    status.clear();
    say(`  ${text}`);
  };
  const close = (): void => {
    clearInterval(timer);
    status.clear();
  };
  return { lastLine, log, close };
}

function timedOut({ machine }: GuestSource, plan: BootPlan, last: string): RebekError {
  const waited =
    plan.until !== undefined
      ? printPattern(plan.until)
      : plan.script !== undefined
        ? `the end of ${plan.script.file}`
        : `the machine's prompt, /${machine.prompt}/`;
  return bootError(
    `${machine.name} was not ready within ${plan.timeout} s: ${waited} did not come; its console's last line is "${last}"`,
    'give it longer with --timeout, or another sign of being ready with --until',
  );
}

const ended = (reason: string, last: string): RebekError =>
  bootError(
    `the guest ${reason === 'halt' ? 'halted' : 'reset the machine'} before it was ready; its console's last line is "${last}"`,
    `watch it: ${self()} record GUEST --echo`,
  );

const bootError = (message: string, hint: string): RebekError =>
  new RebekError('ERR_BOOT', message, { hint });
