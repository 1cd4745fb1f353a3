/** How errors are told: for people in a few lines, with `--json` as data too; never a stack for a known one. */
import { ExitCode, RebekError } from '../base/errors.ts';
import { output, say } from './output.ts';
import { style } from './style.ts';

/** A wrong command line. */
export function usageError(message: string, hint?: string): RebekError {
  return new RebekError('ERR_USAGE', message, hint === undefined ? {} : { hint });
}

/**
 * Tells about an error, and returns the exit code to leave with.
 * @param json also print `{"error": …}` on standard output, where the caller expects data
 */
export async function reportError(error: unknown, json: boolean): Promise<number> {
  const debug = Boolean(process.env['REBEK_DEBUG']);
  if (error instanceof RebekError) {
    tell(error);
    if (debug) say(stackOf(error));
    const { code, message, hint, details } = error;
    if (json) await printJson({ code, message, hint, details });
    return error.exitCode;
  }
  const message = error instanceof Error ? error.message : String(error);
  say(`${style(process.stderr, 'red', 'rebek:')} unexpected: ${message}`);
  say(stackOf(error));
  say('  this is a defect in Rebek: please report it with the lines above');
  if (json) await printJson({ code: 'ERR_INTERNAL', message });
  return ExitCode.internal;
}

/** A known error on standard error; for those that do not end the command, too. */
export function tell(error: RebekError): void {
  const [first = '', ...more] = error.message.split('\n');
  const code = style(process.stderr, 'dim', `[${error.code}]`);
  const lines = [
    `${style(process.stderr, 'red', 'rebek:')} ${first} ${code}`,
    ...more.map((line) => `  ${line}`),
  ];
  if (error.hint !== undefined) lines.push(`  ${style(process.stderr, 'cyan', 'hint:')} ${error.hint}`);
  say(lines.join('\n'));
}

/** Something to be aware of. */
export function warn(text: string): void {
  say(`${style(process.stderr, 'yellow', 'rebek:')} ${text}`);
}

function stackOf(error: unknown): string {
  const lines: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) lines.push(at.stack ?? at.message);
  return lines.join('\ncaused by: ');
}

async function printJson(error: Record<string, unknown>): Promise<void> {
  // If standard output itself is what fails, everything was said on standard error.
  await output.line(JSON.stringify({ error })).catch(() => {});
}
