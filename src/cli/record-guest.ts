/** Sets a recording up and connects it with the terminal, the standard streams and the status line. */
import { existsSync } from 'node:fs';
import { Recording } from '../record/recording.ts';
import type { Pattern, Script } from '../record/script.ts';
import type { ScriptTarget } from '../record/script-runner.ts';
import { ConsoleTap } from './console-tap.ts';
import { GIVEN_UP } from './errors.ts';
import { checkTarget, loadSource, type SourceOptions } from './guest-source.ts';
import { output, say } from './output.ts';
import { RawTerminal } from './raw-terminal.ts';
import { formatStatus, SpeedMeter } from './record-report.ts';
import { runSession, type SessionResult } from './record-session.ts';
import { Signals } from './signals.ts';
import { StatusLine } from './status-line.ts';
import { style } from './style.ts';
import { TerminalFilter } from './terminal-filter.ts';

export interface RecordRequest {
  readonly source: SourceOptions;
  readonly file: string;
  readonly overwrite: boolean;
  /** Control flow is logged. */
  readonly flow: boolean;
  readonly script?: Script | undefined;
  readonly until?: Pattern | undefined;
  readonly duration?: number | undefined;
  /** The terminal is the guest's console. */
  readonly interactive: boolean;
  /** Standard input is typed at the guest's console. */
  readonly stdin: boolean;
  /** The console is copied to standard output. */
  readonly echo: boolean;
  /** A status line now and then even where there is no terminal. */
  readonly verbose: boolean;
}

const STATUS_MS = 250;
const TITLE_MS = 1000;
/** The guest has said nothing for so long: it is not in the middle of a control sequence. */
const QUIET_MS = 50;

/** @throws RebekError of the machine, the recorder, the trace's writer */
export async function recordGuest(request: RecordRequest): Promise<SessionResult> {
  await checkTarget('output', request.file, request.overwrite);
  const { machine, images, from, shown } = await loadSource(request.source);
  const signals = new Signals(() => {
    const { file } = request;
    // The writer's thread may be at the very end: which name the file has in a moment cannot be told.
    say(
      existsSync(`${file}.partial`)
        ? `\nrebek: given up; what was written is in ${file}.partial, or in ${file} if that was just completed`
        : '\nrebek: given up',
    );
    process.exit(GIVEN_UP);
  });
  const status = new StatusLine({ plain: request.verbose, quiet: request.interactive });
  try {
    say(announcement(request, machine.name));
    const recording = await Recording.start({
      machine,
      images,
      output: request.file,
      overwrite: request.overwrite,
      flow: request.flow,
      ...(from && { from }),
    });
    const tap = new ConsoleTap(recording.pc, (port, bytes) => recording.sendSerial(port, bytes));
    const target = tap.withHistory(shown);
    const filter = new TerminalFilter();
    const links = connect(recording, tap, target, request, status, filter);
    try {
      const { file, script, until, duration } = request;
      const { console } = request.source;
      const onLog = (text: string): void => {
        status.clear();
        if (!filter.atLineStart) echo('\n');
        say(`  ${style(process.stderr, 'cyan', text)}`);
        filter.atLineStart = true;
      };
      const plan = { file, console, script, until, duration, signals, onLog, userEnd: links.userEnd };
      return await runSession(recording, { tap, target }, plan);
    } finally {
      links.close();
      tap.close();
    }
  } finally {
    status.clear();
    signals.close();
  }
}

function announcement({ file, interactive, script, until, duration }: RecordRequest, guest: string): string {
  const what = `recording ${guest} into ${file}`;
  if (interactive)
    return `${what}\nThis terminal is now the guest's serial console. Ctrl-] ends the recording.`;
  const planned = script !== undefined || until !== undefined || duration !== undefined;
  return `${what}; Ctrl-C ends it${planned ? ' before its time' : ''}`;
}

/** What cannot be written is told at the end, by the output itself; the recording is worth more. */
function echo(data: string | Uint8Array): void {
  void output.write(data).catch(() => {});
}

interface Links {
  readonly userEnd: Promise<void> | undefined;
  readonly close: () => void;
}

/** @param target the consoles, beginning with what they showed before the recording */
function connect(
  recording: Recording,
  tap: ConsoleTap,
  target: ScriptTarget,
  request: RecordRequest,
  status: StatusLine,
  filter: TerminalFilter,
): Links {
  const { console } = request.source;
  const meter = new SpeedMeter();
  const text = (): string => {
    const now = recording.status();
    return formatStatus(now, meter.update(now.instructions, now.wallMs));
  };
  if (request.interactive) return connectTerminal(recording, tap, target, console, text);
  if (request.stdin) typeStandardInput(recording, console);
  // Console and status line on one terminal would write over each other.
  const shared = request.echo && process.stdout.isTTY && process.stderr.isTTY;
  if (request.echo) {
    target.onOutput((port, bytes) => {
      if (port !== console) return;
      if (shared) status.clear();
      echo(process.stdout.isTTY ? filter.push(bytes) : bytes);
    });
  }
  const timer = setInterval(() => {
    if (!(shared && tap.lastOutput !== undefined)) status.update(text);
  }, STATUS_MS);
  return { userEnd: undefined, close: () => clearInterval(timer) };
}

function connectTerminal(
  recording: Recording,
  tap: ConsoleTap,
  target: ScriptTarget,
  console: number,
  status: () => string,
): Links {
  let end!: () => void;
  const userEnd = new Promise<void>((resolve) => {
    end = resolve;
  });
  const terminal = new RawTerminal({ onInput: (keys) => recording.sendSerial(console, keys), onEnd: end });
  target.onOutput((port, bytes) => {
    if (port === console) terminal.write(bytes);
  });
  const timer = setInterval(() => {
    const quiet = performance.now() - (tap.lastOutput ?? 0);
    if (quiet > QUIET_MS) terminal.title(`rebek: ${status()} · Ctrl-] ends`);
  }, TITLE_MS);
  const close = (): void => {
    clearInterval(timer);
    terminal.close();
  };
  return { userEnd, close };
}

/** Its end is not the guest's end. */
function typeStandardInput(recording: Recording, console: number): void {
  process.stdin.on('data', (bytes) => recording.sendSerial(console, bytes));
  process.stdin.on('error', () => {});
}
