/** `rebek demo`: the whole of it once, with a real guest, in a minute or two. */
import { stat } from 'node:fs/promises';
import type { CommandModule } from 'yargs';
import { ExitCode, RebekError } from '../base/errors.ts';
import { DEFAULT_GUEST, findBuiltin } from '../machine/builtin.ts';
import { parseScript } from '../record/script.ts';
import type { ReplayResult } from '../replay/replay.ts';
import { describeTrace } from '../trace/info.ts';
import { text, valueOption } from './arguments.ts';
import { conclusion, type Demo, type DemoGuest, demos } from './demo-script.ts';
import { formatBytes, formatCount, formatDuration, formatExact, formatTable, mips } from './format.ts';
import { buildGuest } from './guest-build.ts';
import { checkTarget } from './guest-source.ts';
import { output } from './output.ts';
import { recordGuest } from './record-guest.ts';
import type { SessionResult } from './record-session.ts';
import { replayWithProgress } from './replay-progress.ts';
import { quote, self } from './self.ts';
import { style } from './style.ts';
import { checkWithProgress, inconsistent } from './truth.ts';
import { truthStatement } from './truth-report.ts';
import { verifyWithProgress } from './verify.ts';

interface Arguments {
  guest: DemoGuest;
  output: string | undefined;
  force: boolean;
}

/** Names the script, and so marks the traces that a later demo may replace. */
const SCRIPT_NAME = 'rebek-demo.script';

export const demoCommand: CommandModule<object, Arguments> = {
  command: 'demo [guest]',
  describe: 'record a scripted session in a guest, replay and verify it',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 demo [GUEST]\n\nRecords a scripted session in a guest from power-on, replays the trace and verifies it, and says ' +
          'in plain words what happened. The Debian guest is built first if need be.',
      )
      .positional('guest', {
        choices: Object.keys(demos) as DemoGuest[],
        default: DEFAULT_GUEST as DemoGuest,
        describe: 'the guest',
      })
      .option('output', { alias: 'o', ...valueOption('the trace; default demo.rebek', text('output')) })
      .option('force', { type: 'boolean', default: false, describe: 'replace the file whatever it is' })
      .example('$0 demo', 'leaves demo.rebek, replacing one of an earlier demo')
      .example('$0 demo debian', 'an attack on a real Debian, from its own packages')
      .example('$0 demo -o /tmp/try.rebek', 'elsewhere'),
  handler: async (args) => {
    process.exitCode = await runDemo(args);
  },
};

async function runDemo({ guest, output: file = 'demo.rebek', force }: Arguments): Promise<ExitCode> {
  await checkTarget('output', file, force || (await isEarlierDemo(file)));
  const demo: Demo = demos[guest];
  await buildIfNeeded(guest, demo);
  await heading('1. Recording', demo.recording);
  const session = await recordGuest({
    source: { guest, jit: true, console: 0 },
    file,
    overwrite: true,
    flow: true,
    script: parseScript(demo.script, SCRIPT_NAME),
    interactive: false,
    stdin: false,
    echo: true,
    verbose: true,
  });
  await output.line('');
  if (session.end.failure !== undefined) throw session.end.failure;
  if (session.end.reason === 'signal')
    throw new RebekError('ERR_ABORTED', `given up; what was recorded is in ${file}`);
  if (session.end.reason !== 'script') {
    throw new RebekError('ERR_DEMO', `the session came to another end than planned: ${session.end.note}`, {
      hint: `what was recorded is in ${file}`,
    });
  }
  await output.line(formatTable([['trace', `${file}, ${formatBytes(session.trace.bytes)}`]]));
  await heading(
    '2. Replaying',
    'the same instructions again, from the trace alone: no kernel file, no devices, no network.',
  );
  const replay = await replayWithProgress(file, { debugPort: true });
  if (replay.instructions !== session.trace.instructions || !replay.finalChecked) {
    throw new RebekError(
      'ERR_DEMO',
      `recorded ${session.trace.instructions} instructions, replayed ${replay.instructions}`,
      {
        exitCode: ExitCode.divergence,
      },
    );
  }
  await output.line(
    formatTable([
      ['executed', `${formatExact(replay.instructions)} instructions, the same number as recorded`],
      [
        'compared',
        `${formatCount(replay.outputs)} outputs and ${replay.hashesChecked} state hashes on the way: all equal`,
      ],
      ...(replay.debug?.bytes
        ? [['reported', `${formatExact(replay.debug.bytes)} bytes at port 0xE9: the same`] as const]
        : []),
      ['at the end', 'registers, RAM and video memory: byte for byte those of the recording'],
    ]),
  );
  await heading('3. Verifying', 'that no byte of the file was changed.');
  const { integrity } = await verifyWithProgress(file, true);
  await output.line(
    formatTable([
      ['checked', `${formatExact(integrity.bytes)} bytes in ${integrity.chunks} chunks`],
      ['chain', integrity.chain],
    ]),
  );
  await heading('What happened', '');
  await output.line(`${conclusion(file)}\n\n${formatTable(figures(file, session, replay))}`);
  if (demo.truth && replay.debug?.bytes) await tellTruth(file);
  const next = demo.next(quote(file)).map(([command, what]) => [`${self()} ${command}`, what] as const);
  await output.line(`\nNext:\n${formatTable(next)}`);
  return ExitCode.ok;
}

async function buildIfNeeded(guest: string, { build }: Demo): Promise<void> {
  const builder = findBuiltin(guest)?.builder;
  if (builder === undefined || (await builder.built()) !== undefined) return;
  await heading('0. Building the guest', build ?? 'this is done once.');
  await buildGuest(guest, builder);
}

/** What the guest says of itself, held against itself. */
async function tellTruth(file: string): Promise<void> {
  const { report } = checkWithProgress(file);
  const failure = inconsistent(file, report);
  if (failure !== undefined) throw failure;
  await output.line(`\n${truthStatement(report)}`);
}

async function isEarlierDemo(file: string): Promise<boolean> {
  try {
    await stat(file);
    return describeTrace(file).summary?.note.includes(SCRIPT_NAME) ?? false;
  } catch {
    return false;
  }
}

function heading(title: string, what: string): Promise<void> {
  return output.line(`\n${style(process.stdout, 'bold', title)}${what === '' ? '' : `: ${what}`}\n`);
}

function figures(file: string, { trace }: SessionResult, replay: ReplayResult): [string, string][] {
  const recordMs = trace.wallNs / 1e6;
  const bits = describeTrace(file).logBitsPerInstruction ?? 0;
  return [
    ['instructions', formatExact(trace.instructions)],
    [
      'recorded in',
      `${formatDuration(recordMs)} (${mips(trace.instructions, recordMs).toFixed(0)} MIPS; the guest waits now and then)`,
    ],
    [
      'replayed in',
      `${formatDuration(replay.wallMs)} (${mips(replay.instructions, replay.wallMs).toFixed(0)} MIPS)`,
    ],
    ['input log', `${formatExact(trace.events)} events, ${bits.toFixed(4)} bit per instruction`],
    [
      'trace',
      `${formatBytes(trace.bytes)}: the guest's first memory image, the emulator itself, and the log`,
    ],
    ['console', `${formatExact(trace.console)} bytes, ${trace.frames} network frames, kept beside the log`],
  ];
}
