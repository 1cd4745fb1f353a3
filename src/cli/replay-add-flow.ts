/** `rebek replay FILE --add-flow -o OUT`: a copy of a trace, with the control-flow log that it was recorded without. */
import { ExitCode } from '../base/errors.ts';
import { addFlow } from '../replay/add-flow.ts';
import { usageError } from './errors.ts';
import { formatBytes, formatCount, formatTable, plural } from './format.ts';
import { output } from './output.ts';
import type { ReplayArguments } from './replay-hooks.ts';
import { showProgress } from './replay-progress.ts';
import { interruptible } from './signals.ts';
import { StatusLine } from './status-line.ts';
import { style } from './style.ts';
import { replayRows } from './trace-report.ts';

/** @throws RebekError as `addFlow` does */
export async function replayAddingFlow(args: ReplayArguments): Promise<ExitCode> {
  const { file, output: to, force, json } = args;
  if (to === undefined) throw usageError('--add-flow writes another trace: name it with --output');
  const status = new StatusLine({ plain: true });
  try {
    const result = await interruptible((signal) =>
      addFlow(file, to, {
        overwrite: force,
        signal,
        onProgress: (progress) => showProgress(status, progress),
      }),
    );
    const { replay, file: written, chunks, records } = result;
    status.clear();
    if (json) await output.json({ file, output: to, chunks, records, chain: written.chain, replay });
    else {
      const rows: [string, string][] = [
        ...replayRows(replay),
        ['added', `${formatCount(records)} records of control flow in ${plural(chunks, 'chunk')}`],
        ['written', `${to}, ${formatBytes(written.length)}`],
      ];
      await output.line(`${style(process.stdout, 'bold', file)}: replayed and copied\n${formatTable(rows)}`);
    }
    return ExitCode.ok;
  } finally {
    status.clear();
  }
}
