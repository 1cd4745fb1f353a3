/** What the hook files have asked for, by kind of event. */
import { RebekError } from '../base/errors.ts';
import type { HookFile, Hooks } from './api.ts';
import type { CallHook } from './call-record.ts';
import { refuseWaiting, setUpError } from './problems.ts';

type Argument<K extends keyof Hooks> = Hooks[K] extends (...args: infer A) => void ? A : never;

export interface AddressHook {
  readonly file: number;
  readonly where: string | number;
  readonly handler: Argument<'address'>[1];
}
/** A handler and the hook file that it is from. */
export interface Handler<F> {
  readonly file: number;
  readonly handler: F;
}

export interface RegistryEvents {
  callHook(hook: CallHook): void;
  addressHook(hook: AddressHook): void;
  /** Handlers of another kind have been added. */
  changed(): void;
  emit(file: number, type: string, data: Readonly<Record<string, unknown>>): void;
}

export class Registry {
  readonly files: readonly HookFile[];
  readonly interrupts: (Handler<Argument<'interrupt'>[1]> & { vector: number | 'all' })[] = [];
  readonly switches: Handler<Argument<'contextSwitch'>[0]>[] = [];
  readonly processes: Handler<Argument<'process'>[0]>[] = [];
  readonly threads: Handler<Argument<'thread'>[0]>[] = [];
  readonly ports: (Handler<Argument<'portIO'>[1]> & { port: number | 'all' })[] = [];
  readonly inputs: Handler<Argument<'input'>[0]>[] = [];
  readonly ends: Handler<Argument<'end'>[0]>[] = [];
  private readonly events: RegistryEvents;
  private callHooks = 0;

  constructor(files: readonly HookFile[], events: RegistryEvents) {
    this.files = files;
    this.events = events;
  }

  /**
   * Runs the set-up functions.
   * @throws RebekError ERR_HOOKS_WHERE, or ERR_HOOKS_FILE if one throws
   */
  setUp(os: () => Hooks['os']): void {
    for (const [file, { name, setup }] of this.files.entries()) {
      try {
        refuseWaiting(setup(this.facade(file, os)));
      } catch (error) {
        throw setUpError(name, error);
      }
    }
  }

  private facade(file: number, os: () => Hooks['os']): Hooks {
    const { events } = this;
    const added = (): void => events.changed();
    return {
      call: (where, handlers) => {
        const hook = { file, where: checkWhere(where), handlers: several(handlers) };
        events.callHook({ ...hook, index: this.callHooks++ });
      },
      address: (where, handler) =>
        events.addressHook({ file, where: checkWhere(where), handler: one(handler) }),
      interrupt: (vector, handler) => {
        this.interrupts.push({
          file,
          vector: checkNumber(vector, 255, 'interrupt vector'),
          handler: one(handler),
        });
        added();
      },
      contextSwitch: (handler) => {
        this.switches.push({ file, handler: one(handler) });
        added();
      },
      process: (handler) => {
        this.processes.push({ file, handler: several(handler) });
        added();
      },
      thread: (handler) => {
        this.threads.push({ file, handler: several(handler) });
        added();
      },
      portIO: (port, handler) => {
        this.ports.push({ file, port: checkNumber(port, 0xffff, 'I/O port'), handler: one(handler) });
        added();
      },
      input: (handler) => {
        this.inputs.push({ file, handler: one(handler) });
        added();
      },
      end: (handler) => {
        this.ends.push({ file, handler: one(handler) });
      },
      emit: (type, data = {}) => {
        if (typeof type !== 'string' || type === '')
          throw new TypeError('the type of a finding must be a text');
        events.emit(file, type, data);
      },
      get os() {
        return os();
      },
    };
  }
}

/** Hook files may be JavaScript, which nobody has checked. */
function one<F>(handler: F): F {
  if (typeof handler === 'function') return handler;
  throw new TypeError('a hook without a handler: expected a function');
}

function several<H extends object>(handlers: H): H {
  if (typeof handlers === 'object' && handlers !== null) return handlers;
  throw new TypeError('a hook without handlers: expected an object with functions in it');
}

function checkWhere(where: string | number): string | number {
  if (typeof where === 'string' && where.length > 0) return where;
  if (typeof where === 'number' && Number.isInteger(where) && where >= -(2 ** 31) && where < 2 ** 32) {
    return where >>> 0;
  }
  throw new RebekError(
    'ERR_HOOKS_WHERE',
    `a hook on ${JSON.stringify(where)}: expected a name or a 32-bit address`,
  );
}

function checkNumber<T extends number | 'all'>(value: T, most: number, what: string): T {
  const number: unknown = value;
  if (number === 'all') return value;
  if (Number.isInteger(number) && (number as number) >= 0 && (number as number) <= most) return value;
  throw new RebekError('ERR_HOOKS_WHERE', `a hook on ${what} ${value}: expected 0 to ${most}, or 'all'`);
}
