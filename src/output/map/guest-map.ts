/**
 * A guest map: who ran when in a trace, and what the addresses of the time were called. Found by one replay (make-map.ts), kept
 * in the cache folder (map-cache.ts), asked through {@link GuestPlaces}. All times are guest instruction counts.
 */

/** An image in the memory of a process or of the kernel: one stay of it at one place. */
export interface MappedModule {
  readonly name: string;
  readonly path: string | undefined;
  /** Guest virtual address and bytes: the most that were seen of it. */
  readonly base: number;
  readonly size: number;
  /** Seen from here … */
  readonly from: number;
  /** … until here, exclusive. */
  readonly to: number;
  /** Its names: an index into {@link GuestMap.symbols}; undefined if it has none. */
  readonly symbols: number | undefined;
}

export interface MappedProcess {
  /** Counts from 1; never used again, as a pid can be. */
  readonly key: number;
  readonly pid: number;
  readonly ppid: number | undefined;
  /** Of its last program. */
  readonly name: string;
  readonly commandLine: string | undefined;
  /** CR3 of its address space, the last that it had; undefined for kernel threads. */
  readonly asid: number | undefined;
  readonly from: number;
  readonly to: number;
  /** In the order in which they were seen first. */
  readonly modules: readonly MappedModule[];
}

export interface MappedThread {
  /** Counts from 1. */
  readonly key: number;
  readonly tid: number;
  /** Key of its process. */
  readonly process: number;
}

/** The named functions of an image, in the order of their offsets; of several names of one place, the image's own first. */
export interface ModuleSymbols {
  /** Bytes from the image's base. */
  readonly offsets: Uint32Array;
  /** Bytes; 0 where nobody says: it goes up to the next one. */
  readonly sizes: Uint32Array;
  readonly names: readonly string[];
}

export interface GuestMap {
  /** `Linux 6.1.0-50-686`; undefined if no system was found, and then there is nothing else here. */
  readonly system: string | undefined;
  /** Addresses from here on are the kernel's; 2^32 if no system was found. */
  readonly kernelStart: number;
  /** Of the trace. */
  readonly instructions: number;
  readonly processes: readonly MappedProcess[];
  readonly threads: readonly MappedThread[];
  readonly kernelModules: readonly MappedModule[];
  readonly symbols: readonly ModuleSymbols[];
  /** In order: from `at[i]` on thread `who[i]` (its key) ran; 0 where nobody is known. */
  readonly switches: { readonly at: Float64Array; readonly who: Uint32Array };
}
