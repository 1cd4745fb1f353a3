/** The functions of NT's kernel and of the modules of its processes, by name and by address. */
import { At } from '../../engine/layout.ts';
import type { VirtualMemory } from '../memory.ts';
import type { GuestFunction, ModuleInfo, ModuleSymbol } from '../os.ts';
import { matches, matchesModule, parsePattern } from '../pattern.ts';
import { loadedModuleList, type NtKernel } from './kernel.ts';
import { KERNEL_VARIABLES } from './kernel-routines.ts';
import { ExportCache, type LoadedImage, lastAtOrBefore, listedModules, namedCode } from './modules.ts';
import { isCode } from './pe.ts';
import {
  argumentWords,
  exportedDescriptors,
  findShadowDescriptors,
  nameServices,
  namesFromBuild,
  namesFromStubs,
  readServiceTable,
  type Service,
  type ServiceNames,
  type ServiceTable,
  shadowDescriptor,
  stubNumber,
} from './services.ts';
import { neverReturns, routineSignature, serviceSignature } from './signatures.ts';

/** What is asked of the rest of the system. */
export interface SymbolSources {
  readonly memory: VirtualMemory;
  readonly kernel: NtKernel;
  /** Symbols of the kernel from a profile file, relative to its image. */
  readonly symbols: ReadonlyMap<string, number> | undefined;
  /** KTHREAD.ServiceTable of all threads. */
  serviceTables(): Iterable<number>;
  /** The address spaces of processes, as far as they may have what is looked for. */
  spaces(): Iterable<VirtualMemory>;
  /** ntdll in some process, and that process's memory. */
  ntdll(): { readonly memory: VirtualMemory; readonly module: ModuleInfo } | undefined;
  note(text: string): void;
}

interface NamedAddress {
  readonly name: string;
  readonly address: number;
}

/** The number of the windowing system's first service. */
const FIRST_SHADOW = 0x1000;
/** What stands for the module of a function that is in none: memory that a rootkit has allocated, say. */
const NO_MODULE = '?';

function moduleOf(modules: readonly ModuleInfo[], address: number): ModuleInfo | undefined {
  return modules.find((m) => address >= m.base && address < m.base + m.size);
}

export class Symbols {
  private readonly sources: SymbolSources;
  private readonly cache = new ExportCache();
  private ntdllNames: ServiceNames | undefined;
  private kernelNames: ServiceNames | undefined;
  private readonly named = new WeakMap<LoadedImage, readonly NamedAddress[]>();
  /** What was found at one moment: many functions are asked for at once. */
  private moment = { at: '', services: undefined as readonly Service[] | undefined };

  constructor(sources: SymbolSources) {
    this.sources = sources;
  }

  /** The kernel's modules, the kernel first. */
  kernelModules(): readonly ModuleInfo[] {
    const { memory, kernel, note } = this.sources;
    const head = loadedModuleList(memory, kernel);
    const listed = head === undefined ? [] : [...listedModules(memory, head)];
    if (listed.length > 0) return listed;
    note('the list of the kernel’s modules is not to be found: only the kernel itself is known');
    const { base, size } = kernel.image;
    return [{ name: kernel.name, base, size, path: undefined }];
  }

  private kernelImage(): LoadedImage | undefined {
    const { memory, kernel } = this.sources;
    const { base, size } = kernel.image;
    return this.cache.get(memory, { name: kernel.name, base, size, path: undefined });
  }

  /** All services of both tables, as far as they are to be found. */
  private services(): readonly Service[] {
    const { memory } = this.sources;
    const at = `${memory.physical.linear.getUint32(At.instructionCounter, true)} ${memory.cr3}`;
    if (this.moment.services === undefined || this.moment.at !== at)
      this.moment = { at, services: this.readServices() };
    return this.moment.services!;
  }

  private readServices(): readonly Service[] {
    const { memory, kernel, note } = this.sources;
    const loaded = this.kernelImage();
    const descriptors = exportedDescriptors(memory, kernel.image);
    const table = descriptors === undefined ? undefined : readServiceTable(memory, descriptors, 0);
    if (loaded === undefined || descriptors === undefined || table === undefined) {
      note('KeServiceDescriptorTable is not to be found: system services have neither numbers nor lengths');
      return [];
    }
    const byAddress = new Map<number, string>();
    for (const { name, address } of namedCode(loaded))
      if (!byAddress.has(address) || name.startsWith('Nt')) byAddress.set(address, name);
    if (this.kernelNames === undefined || !loaded.exports.complete)
      this.kernelNames = namesFromStubs(memory, loaded.exports, 'Zw');
    const shadow = this.shadowTable(descriptors);
    return [table, ...(shadow ? [shadow] : [])].flatMap((t) =>
      nameServices(
        t,
        byAddress,
        this.kernelNames!,
        this.stubsOfNtdll(),
        namesFromBuild(kernel.build, t),
        note,
      ),
    );
  }

  private shadowTable(descriptors: number): ServiceTable | undefined {
    const { memory, kernel, symbols, note } = this.sources;
    const told = symbols?.get('KeServiceDescriptorTableShadow');
    const pointers = told === undefined ? this.sources.serviceTables() : [kernel.image.base + told];
    const found = findShadowDescriptors(memory, descriptors, pointers);
    if (found === undefined) return undefined;
    const at = shadowDescriptor(found);
    // The table lies in win32k, which only processes with windows have mapped.
    for (const space of [memory, ...this.sources.spaces()]) {
      const table = readServiceTable(space, at, 0x1000);
      if (table !== undefined) return table;
    }
    note('the windowing system’s service table is not mapped in any process: its services are not known');
    return undefined;
  }

  private stubsOfNtdll(): ServiceNames {
    if (this.ntdllNames !== undefined) return this.ntdllNames;
    const found = this.sources.ntdll();
    const loaded = found && this.cache.get(found.memory, found.module);
    if (!found || !loaded) return new Map();
    const names = namesFromStubs(found.memory, loaded.exports, 'Nt');
    if (loaded.exports.complete && names.size > 0) this.ntdllNames = names;
    return names;
  }

  /** The kernel's services, exports and symbols, and the exports of its drivers, whose name fits. */
  kernelFunctions(pattern: string): readonly GuestFunction[] {
    const { module, name } = parsePattern(pattern);
    const { memory, kernel } = this.sources;
    const found: GuestFunction[] = [];
    const modules = this.kernelModules();
    const kernelMeant = module === undefined || module === 'nt' || matchesModule(module, kernel.name);
    const meant = (m: ModuleInfo): boolean =>
      m.base === kernel.image.base
        ? kernelMeant || matchesModule(module, 'ntoskrnl.exe')
        : module !== undefined && matchesModule(module, m.name);
    const services = this.services();
    const taken = new Set<string>();
    for (const service of services) {
      if (service.name === undefined || service.shared || !matches(name, service.name)) continue;
      const home = moduleOf(modules, service.address);
      if (module !== undefined && !(home && meant(home)) && !(kernelMeant && service.number < FIRST_SHADOW))
        continue;
      taken.add(`${service.name} ${service.address}`);
      found.push(this.serviceFunction(service, home?.name ?? NO_MODULE));
    }
    for (const m of modules) {
      if (!meant(m)) continue;
      const loaded = this.cache.get(memory, m);
      if (loaded === undefined) continue;
      const ofKernel = m.base === kernel.image.base;
      for (const { name: exported, address } of namedCode(loaded)) {
        if (!matches(name, exported) || taken.has(`${exported} ${address}`)) continue;
        if (ofKernel && KERNEL_VARIABLES.has(exported)) continue;
        found.push(this.exportFunction(exported, address, m, ofKernel, services));
      }
      if (ofKernel) found.push(...this.symbolFunctions(name, m, found));
    }
    return found;
  }

  private serviceFunction(service: Service, module: string): GuestFunction {
    const name = service.name!;
    return {
      name,
      address: service.address,
      module,
      signature: serviceSignature(name, service.words),
      systemCall: service.number,
      neverReturns: neverReturns(name),
      asid: undefined,
    };
  }

  private exportFunction(
    name: string,
    address: number,
    module: ModuleInfo,
    ofKernel: boolean,
    services: readonly Service[],
  ): GuestFunction {
    const { memory, note } = this.sources;
    let signature = ofKernel ? routineSignature(name) : undefined;
    const number = ofKernel && name.startsWith('Zw') ? stubNumber(memory, address) : undefined;
    if (number !== undefined) {
      const service = services.find((s) => s.number === number);
      signature = serviceSignature(`Nt${name.slice(2)}`, service?.words);
    } else if (ofKernel && name.startsWith('Nt')) {
      const service = services.find((s) => s.name === name);
      signature = serviceSignature(name, service?.words);
      if (service !== undefined && service.address !== address)
        note(
          `service 0x${service.number.toString(16)} (${name}) leads to 0x${service.address.toString(16)}, and not to ` +
            `the kernel's ${name} at 0x${address.toString(16)}: both are known by that name`,
        );
    }
    const never = ofKernel && neverReturns(name);
    return {
      name,
      address,
      module: module.name,
      signature,
      systemCall: undefined,
      neverReturns: never,
      asid: undefined,
    };
  }

  /** Names from a profile file that are not exported. */
  private symbolFunctions(
    pattern: string,
    module: ModuleInfo,
    found: readonly GuestFunction[],
  ): GuestFunction[] {
    const { symbols, kernel } = this.sources;
    if (symbols === undefined) return [];
    const known = new Set(found.map(({ name }) => name));
    const more: GuestFunction[] = [];
    for (const [name, offset] of symbols) {
      const address = kernel.image.base + offset;
      if (known.has(name) || !matches(pattern, name) || !isCode(kernel.image, address)) continue;
      if (KERNEL_VARIABLES.has(name)) continue;
      const signature = routineSignature(name);
      more.push({
        name,
        address,
        module: module.name,
        signature: signature?.parameters === undefined ? undefined : signature,
        systemCall: undefined,
        neverReturns: neverReturns(name),
        asid: undefined,
      });
    }
    return more;
  }

  /** The exports of a process's modules whose name fits. A pattern without a module means all of them. */
  processFunctions(
    pattern: string,
    memory: VirtualMemory,
    asid: number,
    modules: readonly ModuleInfo[],
  ): readonly GuestFunction[] {
    const { module, name } = parsePattern(pattern);
    const found: GuestFunction[] = [];
    for (const m of modules) {
      if (module !== undefined && !matchesModule(module, m.name)) continue;
      const loaded = this.cache.get(memory, m);
      if (loaded === undefined) continue;
      const table = m.name.toLowerCase() === 'ntdll.dll' ? this.firstTable() : undefined;
      for (const { name: exported, address } of namedCode(loaded)) {
        if (!matches(name, exported)) continue;
        // ntdll's stubs take what their service takes; nothing is known of other libraries.
        const number =
          table !== undefined && /^(Nt|Zw)[A-Z]/.test(exported) ? stubNumber(memory, address) : undefined;
        const words = table && number !== undefined ? argumentWords(table, number) : undefined;
        const signature =
          number === undefined ? undefined : serviceSignature(`Nt${exported.slice(2)}`, words);
        const fn = { name: exported, address, module: m.name, signature, systemCall: undefined };
        found.push({ ...fn, neverReturns: false, asid });
      }
    }
    return found;
  }

  /** KeServiceDescriptorTable's first table. */
  private firstTable(): ServiceTable | undefined {
    const { memory, kernel } = this.sources;
    const descriptors = exportedDescriptors(memory, kernel.image);
    return descriptors === undefined ? undefined : readServiceTable(memory, descriptors, 0);
  }

  /** The names of the kernel's functions that are in a module, by address: exports, services, symbols of a profile. */
  private kernelNamesIn(module: ModuleInfo): readonly NamedAddress[] {
    const { memory, kernel, symbols } = this.sources;
    const loaded = this.cache.get(memory, module);
    const known = loaded && this.named.get(loaded);
    if (known !== undefined) return known;
    const names: NamedAddress[] = [];
    for (const { name, address } of loaded?.exports.exports ?? []) if (name) names.push({ name, address });
    for (const { name, address, shared } of this.services()) {
      const inside = address >= module.base && address < module.base + module.size;
      if (name !== undefined && !shared && inside) names.push({ name, address });
    }
    if (module.base === kernel.image.base)
      for (const [name, offset] of symbols ?? []) names.push({ name, address: module.base + offset });
    // Of several names for one address, the one that was added first is found.
    names.sort((a, b) => a.address - b.address);
    if (loaded?.exports.complete && this.ntdllNames !== undefined) this.named.set(loaded, names);
    return names;
  }

  /** `name+0x12` of an address in the kernel or one of its drivers. */
  nameInKernel(address: number): { readonly module: string; readonly name: string } | undefined {
    const module = moduleOf(this.kernelModules(), address);
    return module && located(module, this.kernelNamesIn(module), address);
  }

  /** The code that has a name in a module of the kernel, or of the process whose memory it is. */
  moduleSymbols(
    module: ModuleInfo,
    memory?: VirtualMemory,
  ): { symbols: readonly ModuleSymbol[]; complete: boolean } {
    const loaded = this.cache.get(memory ?? this.sources.memory, module);
    if (loaded === undefined) return { symbols: [], complete: false };
    const names = memory === undefined ? this.kernelNamesIn(module) : [...namedCode(loaded)];
    const symbols = names
      .filter(({ address }) => isCode(loaded.image, address))
      .map(({ name, address }) => ({ name, offset: address - module.base, size: 0 }));
    return { symbols, complete: loaded.exports.complete };
  }

  /** `name+0x12` of an address in one of these modules of a process. */
  nameIn(
    address: number,
    memory: VirtualMemory,
    modules: readonly ModuleInfo[],
  ): { readonly module: string; readonly name: string } | undefined {
    const module = moduleOf(modules, address);
    if (module === undefined) return undefined;
    const names: NamedAddress[] = [];
    for (const { name, address: at } of this.cache.get(memory, module)?.exports.exports ?? [])
      if (name) names.push({ name, address: at });
    return located(module, names, address);
  }
}

function located(
  module: ModuleInfo,
  names: readonly NamedAddress[],
  address: number,
): { readonly module: string; readonly name: string } {
  const found = lastAtOrBefore(names, address);
  const distance = address - (found?.address ?? module.base);
  const offset = distance === 0 ? '' : `+0x${distance.toString(16)}`;
  // Before the first name, the offset is that in the module.
  return { module: module.name, name: found === undefined ? offset || '+0x0' : `${found.name}${offset}` };
}
