/** The chunk types that this version knows; FORMAT.md has a section for each. */
export const ChunkType = {
  metadata: 'META',
  engine: 'ENGN',
  page: 'PAGE',
  events: 'EVTS',
  console: 'CONS',
  frames: 'NETF',
  debug: 'DBUG',
  flow: 'FLOW',
  summary: 'SUMM',
  index: 'INDX',
} as const;

/** Types that `ContainerReader.chunks` does not refuse. */
export const knownChunkTypes: ReadonlySet<string> = new Set(Object.values(ChunkType));
