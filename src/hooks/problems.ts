/** What is told of hook files that do not do as they should: handlers and set-up functions that throw, or wait. */
import { RebekError } from '../base/errors.ts';

/** A handler has thrown. */
export interface HookProblem {
  readonly hook: string;
  readonly instruction: number;
  /** The call whose handler it was. */
  readonly call: string | undefined;
  readonly error: unknown;
}

/** What a thrown value says; anything can be thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  try {
    return String(error);
  } catch {
    return 'something that has no text was thrown';
  }
}

/** The error that ends a replay at the first handler that throws, where that is wanted. */
export function handlerError({ hook, instruction, call, error }: HookProblem): RebekError {
  const what = call === undefined ? '' : ` in a handler of ${call}`;
  const details = { hook, instruction, ...(call !== undefined && { call }) };
  const message = `${hook}: at instruction ${instruction}${what}: ${messageOf(error)}`;
  return new RebekError('ERR_HOOKS_HANDLER', message, { details, cause: error });
}

/** The error for a set-up function that throws: its own if it is a known one. */
export function setUpError(hook: string, error: unknown): RebekError {
  const known = error instanceof RebekError;
  const message = `${hook}: ${known ? '' : 'its set-up function threw: '}${messageOf(error)}`;
  const code = known ? (error.code as `ERR_${string}`) : 'ERR_HOOKS_FILE';
  return new RebekError(code, message, { details: { hook }, cause: error });
}

/**
 * The guest stands still only until a function returns.
 * @throws TypeError if it has returned a promise; what becomes of that is nobody's concern
 */
export function refuseWaiting(returned: unknown): void {
  if (!(returned instanceof Promise)) return;
  returned.catch(() => {});
  throw new TypeError('it is asynchronous: what it waits for comes when the guest has gone on');
}
