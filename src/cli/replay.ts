/** `rebek replay FILE`: executes a trace again. */
import type { CommandModule } from 'yargs';
import { ExitCode } from '../base/errors.ts';
import { type ReplayOptions, type ReplayResult, replayTrace } from '../replay/replay.ts';
import { allowIncompleteOption, jsonOption } from './arguments.ts';
import { formatCount, formatSpeed, formatTable } from './format.ts';
import { output } from './output.ts';
import { formatProgress, StatusLine } from './status-line.ts';
import { style } from './style.ts';
import { replayRows, tellIncomplete } from './trace-report.ts';

interface Arguments {
  file: string;
  json: boolean;
  'allow-incomplete': boolean;
}

export const replayCommand: CommandModule<object, Arguments> = {
  command: 'replay <file>',
  describe: 'execute a trace again, exactly as it was',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 replay FILE\n\nExecutes the same instructions as the recording, from the trace file alone: no guest files, ' +
          'no devices, no network. Whatever does not come out as recorded stops it, with exit code 3 and the place.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'the trace' })
      .option('json', jsonOption)
      .option('allow-incomplete', allowIncompleteOption)
      .example('$0 replay night.rebek', 'with progress')
      .example('$0 replay night.rebek.partial --allow-incomplete', 'what a crash has left'),
  handler: async (args) => {
    process.exitCode = await replay(args);
  },
};

async function replay({ file, json, 'allow-incomplete': allowIncomplete }: Arguments): Promise<ExitCode> {
  const result = await replayWithProgress(file);
  if (json) await output.json({ file, ...result });
  else {
    const verdict = result.complete ? 'replayed to its end' : 'replayed as far as it goes';
    await output.line(
      `${style(process.stdout, 'bold', file)}: ${verdict}\n${formatTable(replayRows(result))}`,
    );
  }
  return result.complete ? ExitCode.ok : tellIncomplete(file, result.incomplete, allowIncomplete);
}

/** `replayTrace` with a status line. */
export async function replayWithProgress(
  file: string,
  options: Pick<ReplayOptions, 'debugPort'> = {},
): Promise<ReplayResult> {
  const status = new StatusLine({ plain: true });
  try {
    return await replayTrace(file, {
      ...options,
      onProgress: ({ instruction, instructions, wallMs }) =>
        status.update(() => {
          const speed = formatSpeed(instruction, wallMs);
          return `replaying: ${formatProgress(instruction, instructions, wallMs)} · ${formatCount(instruction)} instructions · ${speed}`;
        }),
    });
  } finally {
    status.clear();
  }
}
