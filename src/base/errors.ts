/**
 * Errors with codes. A user's mistake, a damaged file and a divergence are each told by `code`; the command
 * line prints `message` (and `hint`) alone, never a stack, and leaves with `exitCode`.
 */

/** Process exit codes of the `rebek` command. */
export const ExitCode = {
  /** Everything asked for was done. */
  ok: 0,
  /** A defect in Rebek itself: an error without a code. */
  internal: 1,
  /** Wrong usage, or the environment lacks something (file, tool, permission, disk space). */
  usage: 2,
  /** A replay did not do what the trace says. */
  divergence: 3,
  /** The trace is damaged, incomplete, of another version, or no trace at all. */
  damaged: 4,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Any error that Rebek expects and explains. */
export class RebekError extends Error {
  /** `ERR_…`, stable across releases. */
  readonly code: string;
  readonly exitCode: ExitCode;
  /** What to do next, if there is something to say. */
  readonly hint: string | undefined;
  /** Machine-readable facts (file, offset, chunk …), printed by `--json`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: `ERR_${string}`,
    message: string,
    options: { exitCode?: ExitCode; hint?: string; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RebekError';
    this.code = code;
    this.exitCode = options.exitCode ?? ExitCode.usage;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}
