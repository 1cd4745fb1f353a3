/** Replays with a status line. */
import { type ReplayOptions, type ReplayProgress, type ReplayResult, replayTrace } from '../replay/replay.ts';
import { formatCount, formatSpeed } from './format.ts';
import { formatProgress, StatusLine } from './status-line.ts';

/** `replayTrace` with a status line. */
export async function replayWithProgress(
  file: string,
  options: Pick<ReplayOptions, 'debugPort'> = {},
): Promise<ReplayResult> {
  const status = new StatusLine({ plain: true });
  try {
    return await replayTrace(file, { ...options, onProgress: (progress) => showProgress(status, progress) });
  } finally {
    status.clear();
  }
}

/** How far a replay is, and how fast. */
export function showProgress(status: StatusLine, progress: ReplayProgress, more = ''): void {
  const { instruction, instructions, wallMs } = progress;
  status.update(() => {
    const speed = formatSpeed(instruction, wallMs);
    return `replaying: ${formatProgress(instruction, instructions, wallMs)} · ${formatCount(instruction)} instructions · ${speed}${more}`;
  });
}
