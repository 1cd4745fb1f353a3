/** The modules of one process, or of the kernel, as they come and go. */
import type { ModuleInfo } from '../../guest/os.ts';
import type { MappedModule } from './guest-map.ts';
import type { WithImage } from './images.ts';

/** Stays of modules that are kept, of one process. */
const MOST_STAYS = 1 << 14;

interface Stay extends WithImage {
  name: string;
  path: string | undefined;
  readonly base: number;
  size: number;
  readonly from: number;
  to: number;
}

export class ModuleTimes {
  private readonly isKernel: boolean;
  /** By base. */
  private present = new Map<number, Stay>();
  private readonly stays: Stay[] = [];

  constructor(isKernel: boolean) {
    this.isKernel = isKernel;
  }

  /** What is there now. @param each told of every module that is there */
  sample(
    modules: readonly ModuleInfo[],
    instruction: number,
    each?: (stay: WithImage, module: ModuleInfo) => void,
  ): void {
    const now = new Map<number, Stay>();
    for (const module of modules) {
      const before = this.present.get(module.base);
      const stay = before !== undefined && isSame(before, module) ? before : this.begin(module, instruction);
      if (stay === undefined || now.has(module.base)) continue;
      stay.size = Math.max(stay.size, module.size);
      if (stay.path === undefined && module.path !== undefined) {
        stay.path = module.path;
        stay.name = module.name;
      }
      now.set(module.base, stay);
      each?.(stay, module);
    }
    for (const [base, stay] of this.present) if (now.get(base) !== stay) stay.to = instruction;
    this.present = now;
  }

  get any(): boolean {
    return this.present.size > 0;
  }

  /** Whether something of [first, end) is in a module that is there. */
  overlaps(first: number, end: number): boolean {
    for (const { base, size } of this.present.values()) if (base < end && base + size > first) return true;
    return false;
  }

  end(instruction: number): void {
    for (const stay of this.present.values()) stay.to = instruction;
    this.present.clear();
  }

  private begin({ name, path, base, size }: ModuleInfo, from: number): Stay | undefined {
    if (this.stays.length >= MOST_STAYS) return undefined;
    const { isKernel } = this;
    const stay = { name, path, base, size, from, to: Infinity, image: undefined, isKernel };
    this.stays.push(stay);
    return stay;
  }

  /** @param places of the images' names; @param last instruction count at which all ends */
  done(places: readonly (number | undefined)[], last: number): MappedModule[] {
    return this.stays.map(({ name, path, base, size, from, to, image }) => ({
      name,
      path,
      base,
      size,
      from,
      to: Math.min(to, last),
      symbols: image === undefined ? undefined : places[image],
    }));
  }
}

/** NT tells a module's path, and perhaps another name, only when its loader has made a list. */
function isSame(stay: Stay, { name, path, size }: ModuleInfo): boolean {
  if ((stay.path === undefined) === (path === undefined)) return stay.path === path && stay.name === name;
  return stay.size === size || stay.name.toLowerCase() === name.toLowerCase();
}
