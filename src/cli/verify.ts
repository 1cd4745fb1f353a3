/** `rebek verify FILE`: is every byte as it was written, and does it execute as it did? */
import type { CommandModule } from 'yargs';
import { ExitCode } from '../base/errors.ts';
import { type VerifyResult, verifyTrace } from '../replay/replay.ts';
import { describeTrace } from '../trace/info.ts';
import { allowIncompleteOption, jsonOption } from './arguments.ts';
import { formatBytes, formatTable, plural } from './format.ts';
import { output } from './output.ts';
import { formatProgress, StatusLine } from './status-line.ts';
import { style } from './style.ts';
import { replayRows, tellIncomplete } from './trace-report.ts';

interface Arguments {
  file: string;
  'integrity-only': boolean;
  json: boolean;
  'allow-incomplete': boolean;
}

export const verifyCommand: CommandModule<object, Arguments> = {
  command: 'verify <file>',
  describe: 'check every byte of a trace, then re-execute it',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 verify FILE\n\nChecks every byte of the file (checksums, hash chain, index), then executes it and compares ' +
          'every state hash in it. Note down the chain: it names the whole content, so that a later change shows.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'the trace' })
      .option('integrity-only', { type: 'boolean', default: false, describe: 'do not execute it' })
      .option('json', jsonOption)
      .option('allow-incomplete', allowIncompleteOption)
      .example('$0 verify night.rebek', 'everything')
      .example('$0 verify night.rebek --integrity-only --json', 'the bytes alone, for a script'),
  handler: async (args) => {
    process.exitCode = await verify(args);
  },
};

async function verify(args: Arguments): Promise<ExitCode> {
  const { file, json, 'integrity-only': integrityOnly, 'allow-incomplete': allowIncomplete } = args;
  const result = await verifyWithProgress(file, integrityOnly);
  if (json) await output.json({ file, ...result });
  else await output.line(describe(file, result));
  if (result.complete) return ExitCode.ok;
  return tellIncomplete(file, result.replay?.incomplete ?? describeTrace(file).incomplete, allowIncomplete);
}

function describe(file: string, { integrity, replay, complete }: VerifyResult): string {
  const { bytes, chunks, chain } = integrity;
  const good = style(
    process.stdout,
    complete ? 'green' : 'yellow',
    complete ? 'good' : 'good as far as it goes',
  );
  const rows: [string, string][] = [
    ['bytes', `${formatBytes(bytes)} in ${plural(chunks, 'chunk')}, every one as it was written`],
    ['chain', chain],
  ];
  if (replay !== undefined) rows.push(...replayRows(replay));
  return `${style(process.stdout, 'bold', file)}: ${good}\n${formatTable(rows)}`;
}

/** `verifyTrace` with a status line. */
export async function verifyWithProgress(file: string, integrityOnly: boolean): Promise<VerifyResult> {
  const status = new StatusLine({ plain: true });
  let replayBegan: number | undefined;
  try {
    return await verifyTrace(file, {
      integrityOnly,
      onProgress: ({ phase, done, total, wallMs }) => {
        if (phase === 'replay') replayBegan ??= wallMs;
        const what = phase === 'integrity' ? 'checking bytes' : 'executing';
        status.update(() => `${what}: ${formatProgress(done, total, wallMs - (replayBegan ?? 0))}`);
      },
    });
  } finally {
    status.clear();
  }
}
