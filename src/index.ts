/**
 * The public entry of the `rebek` library: record a machine, replay and verify its trace, read what is in it.
 *
 * Everything that fails on purpose throws a {@link RebekError}, whose `code` is stable.
 */
export { ExitCode, RebekError } from './base/errors.ts';
export type { Registers, StateHash } from './engine/guest-state.ts';
export { createPc, type DebugPortListener, type Pc, type PcOptions } from './engine/pc.ts';
export { GuestCpu, Reg, Segment } from './guest/cpu.ts';
export { type Fields, PhysicalMemory, type Struct, VirtualMemory } from './guest/memory.ts';
export {
  decodeTruth,
  readTruth,
  type TruthEnd,
  type TruthOptions,
  type TruthPiece,
  TruthReader,
} from './guest/ntlet/truth.ts';
export { checkTruth, TruthChecker } from './guest/ntlet/truth-check.ts';
export { TruthFollower, type TruthFunction, type TruthNames } from './guest/ntlet/truth-names.ts';
export type {
  FunctionShape,
  TruthDoor,
  TruthKind,
  TruthOutcome,
  TruthRecord,
  TruthRecordOf,
} from './guest/ntlet/truth-record.ts';
export type { FunctionTotals, TruthProblem, TruthReport, TruthRule } from './guest/ntlet/truth-report.ts';
export {
  type CallHandlers,
  type CallOutcome,
  type DescribedArgument,
  defineHooks,
  type HookCall,
  type HookFile,
  type HookInput,
  type HookInterrupt,
  type HookPoint,
  type HookPortAccess,
  type HookProcess,
  type HookSwitch,
  type Hooks,
  type HookThread,
  type LifeHandlers,
  type ProcessHandlers,
  type StackEntry,
  type Where,
} from './hooks/api.ts';
export {
  type Finding,
  type FindingLine,
  type FindingsEnd,
  type FindingsHeader,
  findingLine,
  findingsSchema,
} from './hooks/findings.ts';
export { type Builder, type Builtin, builtins } from './machine/builtin.ts';
export { type Images, loadImages } from './machine/images.ts';
export { loadMachine } from './machine/machine.ts';
export type { Machine } from './machine/schema.ts';
export { type AnalysisOptions, type AnalysisResult, analyse } from './output/analysis.ts';
export { type FindOptions, type FindProgress, findBytes, type TimedMatch } from './output/find/find.ts';
export { bytesPattern, type Pattern, regexPattern, textPattern } from './output/find/pattern.ts';
export {
  Recording,
  type RecordingOptions,
  type RecordingResult,
  type RecordingStatus,
  type SelfEnd,
} from './record/recording.ts';
export { type AddFlowOptions, type AddFlowResult, addFlow } from './replay/add-flow.ts';
export type { DebugComparison } from './replay/debug-check.ts';
export type { FlowComparison } from './replay/flow-check.ts';
export {
  type IncompleteInfo,
  type ReplayOptions,
  type ReplayProgress,
  type ReplayResult,
  replayTrace,
  type VerifyOptions,
  type VerifyProgress,
  type VerifyResult,
  verifyTrace,
} from './replay/replay.ts';
export {
  type DumpedEvent,
  type DumpOptions,
  dumpEvents,
  type InputEvent,
  type SideStream,
  type StreamEvent,
} from './trace/dump.ts';
export {
  type AddressRange,
  dumpFlow,
  type FlowEvent,
  type FlowKindName,
  type FlowQuery,
} from './trace/flow-dump.ts';
export { type ChunkStatistics, describeTrace, type TraceInfo } from './trace/info.ts';
export type { InputKind, InputQuery, NumberRange } from './trace/input-scan.ts';
export type { TraceMeta, TraceSummary } from './trace/meta.ts';
export { readStateFile, writeStateFile } from './trace/state-file.ts';
