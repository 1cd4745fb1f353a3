/** Opens a trace, and says how far that is where it takes time: one that is not complete is read from end to end first. */
import { TraceFile } from '../trace/trace-file.ts';
import { formatProgress, StatusLine } from './status-line.ts';

/** @throws RebekError ERR_TRACE_… with exit code 4 */
export function openTrace(file: string): TraceFile {
  const status = new StatusLine();
  const began = performance.now();
  try {
    return TraceFile.open(file, (done, total) =>
      status.update(() => {
        const progress = formatProgress(done, total, performance.now() - began);
        return `${file} is not complete: looking how far it is good: ${progress}`;
      }),
    );
  } finally {
    status.clear();
  }
}
