/** `rebek replay FILE --hooks …`: findings to standard output or a file, and what to know about them. */
import { ExitCode, RebekError } from '../base/errors.ts';
import type { FindingLine } from '../hooks/findings.ts';
import type { HookProblem } from '../hooks/problems.ts';
import { messageOf } from '../hooks/problems.ts';
import { type AnalysisResult, analyse } from '../output/analysis.ts';
import { FindingsWriter } from '../output/findings-file.ts';
import { tell, warn } from './errors.ts';
import { formatFinding } from './findings-format.ts';
import { formatExact, formatTable, plural } from './format.ts';
import { loadHooks } from './hook-files.ts';
import { output, say } from './output.ts';
import { loadProfile } from './profile-file.ts';
import { showProgress } from './replay-progress.ts';
import { StatusLine } from './status-line.ts';
import { style } from './style.ts';
import { replayRows, tellIncomplete } from './trace-report.ts';

/** What the command line says. */
export interface ReplayArguments {
  file: string;
  /** Undefined without the option. */
  hooks: string[] | undefined;
  matcher: string | undefined;
  output: string | undefined;
  format: 'text' | 'jsonl' | undefined;
  profile: string | undefined;
  strict: boolean;
  'every-instruction': boolean;
  'add-flow': boolean;
  force: boolean;
  json: boolean;
  'allow-incomplete': boolean;
}

/** Handlers that throw, told one by one; more are only counted. */
const PROBLEMS_TOLD = 5;

/** The lines of a replay on standard output, as they come. */
class LineOutput {
  private readonly text: boolean;
  private pending: string[] = [];

  constructor(text: boolean) {
    this.text = text;
  }

  readonly line = (line: FindingLine): void => {
    const shown = this.text ? formatFinding(line) : JSON.stringify(line);
    if (shown !== undefined && !output.closed) this.pending.push(`${shown}\n`);
  };

  async flush(): Promise<void> {
    if (this.pending.length === 0) return;
    const text = this.pending.join('');
    this.pending = [];
    await output.write(text);
  }
}

export async function replayWithHooks(args: ReplayArguments): Promise<ExitCode> {
  const { file, json, output: path, format, matcher, strict } = args;
  const hooks = await loadHooks(args.hooks ?? []);
  const profile = args.profile === undefined ? undefined : loadProfile(args.profile);
  const writer = path === undefined ? undefined : new FindingsWriter(path, args.force);
  const lines = new LineOutput((format ?? (process.stdout.isTTY ? 'text' : 'jsonl')) === 'text');
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  process.once('SIGINT', stop);
  const status = new StatusLine({
    plain: true,
    quiet: writer === undefined && Boolean(process.stdout.isTTY),
  });
  let open = writer;
  let findings = 0;
  try {
    const result = await analyse(file, {
      hooks,
      strict,
      everyInstruction: args['every-instruction'],
      ...(matcher !== undefined && { matcher }),
      ...(profile && { profile }),
      signal: stopped.signal,
      onLine: (line) => {
        if (line.kind === 'finding') findings++;
        if (writer === undefined) lines.line(line);
        else writer.line(line);
      },
      onProblem: tellProblem(),
      onProgress: async (progress) => {
        showProgress(status, progress, ` · ${plural(findings, 'finding')}`);
        await lines.flush();
        // Whoever read the findings has gone.
        if (output.closed) stop();
      },
    });
    status.clear();
    await lines.flush();
    open = undefined;
    writer?.finish(true);
    if (json && writer !== undefined) await output.json({ file, output: path, ...result });
    else report(args, result, writer !== undefined);
    return result.replay.complete
      ? ExitCode.ok
      : tellIncomplete(file, result.replay.incomplete, args['allow-incomplete']);
  } catch (error) {
    status.clear();
    await lines.flush();
    const code = error instanceof RebekError ? error.code : undefined;
    if (output.closed && code === 'ERR_ABORTED') return ExitCode.ok;
    if (code === 'ERR_OUTPUT_WRITE') {
      // It says itself where the findings are.
      open?.finish(false);
      open = undefined;
    }
    throw error;
  } finally {
    process.removeListener('SIGINT', stop);
    const kept = open?.finish(false);
    if (kept !== undefined) warn(`the findings so far are in ${kept}`);
  }
}

function tellProblem(): (problem: HookProblem) => void {
  let told = 0;
  return ({ hook, instruction, call, error }) => {
    if (++told > PROBLEMS_TOLD) {
      if (told === PROBLEMS_TOLD + 1) say('  … further ones are in the findings only');
      return;
    }
    const message = messageOf(error);
    const place = `instruction ${formatExact(instruction)}${call === undefined ? '' : `, ${call}`}`;
    const hint = process.env['REBEK_DEBUG'] ? undefined : 'with REBEK_DEBUG=1 its stack is shown';
    tell(
      new RebekError(
        'ERR_HOOKS_HANDLER',
        `${hook}: a handler threw at ${place}: ${message}`,
        hint && told === 1 ? { hint } : {},
      ),
    );
    if (process.env['REBEK_DEBUG'] && error instanceof Error) say(error.stack ?? '');
  };
}

function report(args: ReplayArguments, result: AnalysisResult, onOutput: boolean): void {
  const { file, output: path } = args;
  const { replay, findings, calls, problems, missing, system, late } = result;
  const rows: [string, string][] = [
    ...replayRows(replay),
    ['system', system ?? 'none that Rebek knows: hooks by address only'],
    ['calls', formatExact(calls)],
    ['findings', `${formatExact(findings)}${path === undefined ? '' : ` in ${path}`}`],
  ];
  if (problems > 0) rows.push(['problems', `${formatExact(problems)}: handlers that threw`]);
  const verdict = replay.complete ? 'replayed to its end' : 'replayed as far as it goes';
  const stream = onOutput ? process.stdout : process.stderr;
  stream.write(`${style(stream, 'bold', file)}: ${verdict}\n${formatTable(rows)}\n`);
  if (late > 0 && !args['every-instruction']) {
    warn(
      `${plural(late, 'address', 'addresses')} hooked after the code there had been compiled: visits may be missing; with --every-instruction none is`,
    );
  }
  if (missing.length > 0) warn(`nothing of these names was found: ${missing.join(', ')}`);
}
