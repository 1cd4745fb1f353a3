/** `rebek truth FILE`: checks what ntlet tells of itself, and counts. */
import type { CommandModule } from 'yargs';
import { ExitCode, RebekError } from '../base/errors.ts';
import { readTruth } from '../guest/ntlet/truth.ts';
import { checkTruth } from '../guest/ntlet/truth-check.ts';
import type { TruthReport } from '../guest/ntlet/truth-report.ts';
import { describeTrace } from '../trace/info.ts';
import { allowIncompleteOption, jsonOption } from './arguments.ts';
import { errorJson, tell, warn } from './errors.ts';
import { formatTable, plural } from './format.ts';
import { output } from './output.ts';
import { self } from './self.ts';
import { formatProgress, StatusLine } from './status-line.ts';
import { style } from './style.ts';
import { tellIncomplete } from './trace-report.ts';
import { functionTable, problemLines, truthRows } from './truth-report.ts';

interface Arguments {
  file: string;
  json: boolean;
  'allow-incomplete': boolean;
}

export const truthCommand: CommandModule<object, Arguments> = {
  command: 'truth <file>',
  describe: 'check and count what the guest ntlet tells of its system calls',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 truth FILE\n\nThe kernel of the built-in guest ntlet tells of every call, thread and process as it happens. This ' +
          'checks that it does not contradict itself, and says how much there was: the measure for whoever wants to find the ' +
          'same out from the outside.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'the trace' })
      .option('json', jsonOption)
      .option('allow-incomplete', allowIncompleteOption)
      .example('$0 truth demo.rebek', 'in tables')
      .example("$0 truth demo.rebek --json | jq '.functions[0]'", 'the function that was called most')
      .epilogue('`rebek dump FILE --stream truth` prints the records themselves.'),
  handler: async (args) => {
    process.exitCode = await truth(args);
  },
};

async function truth({ file, json, 'allow-incomplete': allowIncomplete }: Arguments): Promise<ExitCode> {
  const { report, cut } = checkWithProgress(file);
  const failure = inconsistent(file, report);
  if (json) {
    await output.json({ file, cut, ...report, ...(failure && { error: errorJson(failure) }) });
  } else {
    const verdict =
      failure === undefined
        ? style(process.stdout, 'green', 'consistent')
        : style(process.stdout, 'red', 'INCONSISTENT');
    const parts = [`${style(process.stdout, 'bold', file)}: ${verdict}\n${formatTable(truthRows(report))}`];
    if (report.functions.length > 0) parts.push(functionTable(report));
    await output.line(parts.join('\n\n'));
  }
  if (failure !== undefined) {
    tell(failure);
    return failure.exitCode;
  }
  if (cut > 0) warn(`${file}: the last record is cut off after ${plural(cut, 'byte')}`);
  const { incomplete } = describeTrace(file);
  return incomplete === undefined ? ExitCode.ok : tellIncomplete(file, incomplete, allowIncomplete);
}

/** Undefined if the ground truth of a trace is consistent. */
export function inconsistent(file: string, report: TruthReport): RebekError | undefined {
  const { problemCount, problems } = report;
  if (problemCount === 0) return undefined;
  const lines = problemLines(report);
  return new RebekError(
    'ERR_TRUTH_INCONSISTENT',
    `${file}: what its guest tells of itself is inconsistent, in ${plural(problemCount, 'place')}:\n${lines.join('\n')}`,
    {
      exitCode: ExitCode.damaged,
      hint: 'where the trace itself verifies, the guest has a defect',
      details: { file, problemCount, first: problems[0] },
    },
  );
}

/**
 * Checks the ground truth of a trace, with a status line.
 * @returns what was found, and how many bytes of a last record that is cut off there are
 * @throws RebekError ERR_TRUTH_NONE where there is none; ERR_TRUTH_…, ERR_TRACE_…
 */
export function checkWithProgress(file: string): { report: TruthReport; cut: number } {
  const status = new StatusLine({ plain: true });
  const began = performance.now();
  const reader = readTruth(file);
  try {
    if (!reader.present) {
      throw new RebekError('ERR_TRUTH_NONE', `${file} has nothing from I/O port 0xE9: no ground truth`, {
        hint: `the guest ntlet reports it: ${self()} record ntlet`,
        details: { file },
      });
    }
    let count = 0;
    const report = checkTruth(reader, ({ instruction }) => {
      // The clock is not asked for every record.
      if ((++count & 0xfff) !== 0) return;
      status.update(() => {
        const progress = formatProgress(instruction, reader.instructions, performance.now() - began);
        return `checking the ground truth: ${progress}`;
      });
    });
    return { report, cut: reader.end?.cut ?? 0 };
  } finally {
    status.clear();
    reader.close();
  }
}
