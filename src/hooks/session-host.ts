/** What a session needs of those around it, and what it gives them. */
import type { ProbeEventName } from '../engine/probes/area.ts';
import type { ArmKind } from '../engine/probes/probes.ts';
import type { GuestCpu } from '../guest/cpu.ts';
import type { GuestOs } from '../guest/os.ts';
import type { GuestProfile } from '../guest/profile.ts';
import type { HookFile } from './api.ts';
import type { CallRecord } from './call-record.ts';
import type { HookProblem } from './problems.ts';
import type { TrackedProcess, TrackedThread } from './threads.ts';

/** The replay that a session looks into. */
export interface SessionHost {
  readonly cpu: GuestCpu;
  readonly probes: {
    arm(address: number, kind: ArmKind, physical: number): void;
    disarm(address: number): void;
    want(event: ProbeEventName, on: boolean): void;
    readonly late: number;
  };
  /** The guest instruction count when the engine's counter was this. */
  instructionAt(counter: number): number;
  /** Milliseconds since 1970 at an instruction count. */
  timeAt(instruction: number): number;
}

/** What a handler has emitted, with where and when and by whom. */
export interface RawFinding {
  readonly hook: string;
  readonly type: string;
  readonly instruction: number;
  readonly time: number;
  readonly thread: TrackedThread | undefined;
  readonly process: TrackedProcess | undefined;
  readonly call: CallRecord | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface SessionOptions {
  readonly files: readonly HookFile[];
  /** `thread-stack` unless said otherwise. */
  readonly matcher?: string;
  /** A handler that throws ends the replay. */
  readonly strict?: boolean;
  /** Of the guest's kernel. */
  readonly profile?: GuestProfile;
  /** The operating system has been found. */
  onSystem?(os: GuestOs): void;
  onFinding(finding: RawFinding): void;
  onProblem(problem: HookProblem): void;
}
