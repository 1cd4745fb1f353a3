/** Writes chunks until the system refuses; run by incomplete.test.ts under a limit of file sizes. */
import { RebekError } from '../../src/base/errors.ts';
import { ContainerWriter } from '../../src/trace/container-writer.ts';
import { noise } from './support.ts';

const start = { instruction: 0, wallNs: 0 };
let written = -1;
try {
  const writer = ContainerWriter.create(process.argv[2]!, 'TRCE');
  try {
    for (written = 0; ; written++) writer.write('EVTS', { data: noise(10_000, written) }, start);
  } catch (error) {
    const offset = writer.bytesWritten;
    let room = 64 * 1024 - offset - 200;
    let retried = false;
    let closeError = 'none';
    try {
      // fill up what is left, so that the index cannot be written
      room -= room % 10;
      writer.write('EVTS', { data: noise(room, 7) }, start);
      retried = true;
      writer.close();
    } catch (second) {
      closeError = (second as RebekError).code;
    }
    writer.abort();
    report(error, { offset, closeError, retried });
  }
} catch (error) {
  report(error);
}

function report(error: unknown, more: object = {}): void {
  if (!(error instanceof RebekError)) throw error;
  const { code, message, hint, details, exitCode } = error;
  console.log(JSON.stringify({ error: { code, message, hint, details, exitCode }, written, ...more }));
}
