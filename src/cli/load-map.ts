/** The guest map of a trace, with a status line while it is made. */
import type { GuestProfile } from '../guest/profile.ts';
import type { GuestMap } from '../output/map/guest-map.ts';
import { guestMap } from '../output/map/make-map.ts';
import type { TraceFile } from '../trace/trace-file.ts';
import { formatProgress, StatusLine } from './status-line.ts';

/**
 * The first question about a trace takes a replay of it, later ones find the map in the cache folder.
 * @throws RebekError as a replay does; ERR_ABORTED
 */
export async function loadMap(
  trace: TraceFile,
  { profile, signal }: { readonly profile?: GuestProfile | undefined; readonly signal?: AbortSignal },
): Promise<GuestMap> {
  const status = new StatusLine({ plain: true });
  try {
    return await guestMap(trace, {
      ...(profile && { profile }),
      ...(signal && { signal }),
      onProgress: ({ instruction, instructions, wallMs }) =>
        status.update(() => {
          const progress = formatProgress(instruction, instructions, wallMs);
          return `${trace.path}: looking who runs when (once for each trace): ${progress}`;
        }),
    });
  } finally {
    status.clear();
  }
}
