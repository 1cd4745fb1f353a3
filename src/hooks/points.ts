/** What each armed address is armed for. The probes are told of the first reason and of the last. */
import type { ArmKind } from '../engine/probes/probes.ts';
import type { HookedFunction } from './call-record.ts';

/** The part of the probes that arming needs. */
export interface Arming {
  arm(address: number, kind: ArmKind): void;
  disarm(address: number): void;
}

export interface Point {
  /** Functions that begin here. More than one: in different address spaces. */
  readonly functions: HookedFunction[];
  /** Matchers' wishes: return addresses and call sites. */
  watched: number;
  /** Anything else that is to be done here. */
  readonly actions: (() => void)[];
}

/** Visits without need, after which an address that nobody watches any more is no longer armed. */
const IDLE_VISITS = 16;

export class Points {
  private readonly arming: Arming;
  private readonly points = new Map<number, Point & { idle: number }>();

  constructor(arming: Arming) {
    this.arming = arming;
  }

  /** What is armed at an address. A return address that nobody waits for any more is let go after some visits. */
  at(address: number): Point | undefined {
    const point = this.points.get(address);
    if (point === undefined || point.watched > 0) return point;
    if (point.functions.length === 0 && point.actions.length === 0 && ++point.idle > IDLE_VISITS) {
      this.points.delete(address);
      this.arming.disarm(address);
    }
    return point;
  }

  addFunction(address: number, fn: HookedFunction): void {
    this.point(address, 'block').functions.push(fn);
  }

  addAction(address: number, action: () => void): void {
    this.point(address, 'instruction').actions.push(action);
  }

  /** Return addresses come and go with every call: the point stays, and `at` lets it go when it is of no more use. */
  watch(address: number): void {
    const point = this.points.get(address) ?? this.point(address, 'block');
    point.watched++;
    point.idle = 0;
  }

  unwatch(address: number): void {
    const point = this.points.get(address);
    if (point !== undefined && point.watched > 0) point.watched--;
  }

  private point(address: number, kind: ArmKind): Point & { idle: number } {
    let point = this.points.get(address);
    if (point === undefined) {
      point = { functions: [], watched: 0, actions: [], idle: 0 };
      this.points.set(address, point);
      this.arming.arm(address, kind);
    } else if (kind === 'instruction') this.arming.arm(address, kind);
    return point;
  }
}
