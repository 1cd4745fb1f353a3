/** How errors are told: for people in a few lines, with `--json` as data too; never a stack for a known one. */
import { ExitCode, RebekError } from '../base/errors.ts';
import { output, say } from './output.ts';
import { style } from './style.ts';

/** What a shell says of a command that SIGINT ended: for all that was given up because the user wanted so. */
export const GIVEN_UP = 130;
const givenUp = new Set(['ERR_ABORTED', 'ERR_MACHINE_ABORTED']);

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
    const { code } = error;
    if (json) await printJson(errorJson(error));
    return givenUp.has(code) ? GIVEN_UP : error.exitCode;
  }
  const message = error instanceof Error ? error.message : String(error);
  say(`${style(process.stderr, 'red', 'rebek:')} unexpected: ${message}`);
  say(stackOf(error));
  say('  this is a defect in Rebek: please report it with the lines above');
  if (json) await printJson({ code: 'ERR_INTERNAL', message });
  return ExitCode.internal;
}

/** An error as `--json` has it. */
export const errorJson = ({ code, message, hint, details }: RebekError): Record<string, unknown> => ({
  code,
  message,
  hint,
  details,
});

/** A known error on standard error; for those that do not end the command, too. */
export function tell(error: RebekError): void {
  const [first = '', ...more] = error.message.split('\n');
  const code = style(process.stderr, 'dim', `[${error.code}]`);
  // Where the message goes on below, its colon stays at the end of the line.
  const head = first.replace(/:?$/, (colon) => ` ${code}${colon}`);
  const lines = [`${style(process.stderr, 'red', 'rebek:')} ${head}`, ...more.map((line) => `  ${line}`)];
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
