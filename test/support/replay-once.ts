/** `replay-once.js FILE`: verifies a trace in this process and prints the result as JSON. */
import { verifyTrace } from '../../src/replay/replay.ts';

const { replay, complete } = await verifyTrace(process.argv[2]!);
console.log(
  JSON.stringify({
    final: replay!.final,
    instructions: replay!.instructions,
    checked: replay!.finalChecked,
    complete,
    // The kernel's number, in KiB.
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }),
);
