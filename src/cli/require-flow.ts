/** For commands that read the control-flow log: whether there is one. */
import { RebekError } from '../base/errors.ts';
import type { TraceInfo } from '../trace/info.ts';

/** @throws RebekError ERR_TRACE_NO_FLOW */
export function requireFlow({ file, chunks, instructions, complete }: TraceInfo): void {
  if (chunks['FLOW'] !== undefined || instructions === 0) return;
  const killed = complete ? '' : 'its recorder may have been killed before it wrote any; or ';
  throw new RebekError('ERR_TRACE_NO_FLOW', `${file} has no control-flow log`, {
    hint: `${killed}it was recorded with --no-flow, or by an older version; rebek replay --add-flow makes a copy that has one`,
    details: { file },
  });
}
