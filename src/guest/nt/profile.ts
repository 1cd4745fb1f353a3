/**
 * Where the fields that are read lie in the kernel's structures, by build. Offsets are those of Microsoft's public symbols
 * (ntoskrnl.pdb, type information), as Volatility's profiles and others publish them; i386 only. What is not certain for a
 * build is left out.
 */

/** Offsets in bytes from the beginning of the object; undefined where the build is not known to have it there. */
export interface NtProfile {
  /** For people. */
  readonly name: string;
  /** KTHREAD and ETHREAD. */
  readonly thread: {
    readonly initialStack: number;
    readonly stackLimit: number;
    readonly stackBase: number | undefined;
    readonly kernelStack: number;
    readonly teb: number;
    readonly state: number;
    /** ApcState.Process: whose address space it uses. */
    readonly attached: number;
    /** The process that it belongs to: ETHREAD.ThreadsProcess, from NT 6.0 on KTHREAD.Process. */
    readonly process: number;
    readonly serviceTable: number | undefined;
    readonly createTime: number;
    readonly exitStatus: number | undefined;
    /** Cid.UniqueThread. */
    readonly tid: number;
    /** KTHREAD.ThreadListEntry, in the list of KPROCESS. */
    readonly link: number;
    /** KTHREAD.TrapFrame: the registers of the program, while a service runs. */
    readonly trapFrame?: number | undefined;
  };
  /** KPROCESS and EPROCESS. */
  readonly process: {
    readonly directoryTableBase: number;
    /** KPROCESS.ThreadListHead. */
    readonly threads: number;
    readonly pid: number;
    readonly link: number;
    readonly objectTable: number | undefined;
    readonly ppid: number;
    readonly imageFileName: number;
    readonly peb: number;
  };
  /** Undefined where handles lead to objects in a way that is not known here. */
  readonly object:
    | {
        /** HANDLE_TABLE.TableCode. */
        readonly tableCode: number;
        /** OBJECT_HEADER.Type, a pointer, and NameInfoOffset, a byte. */
        readonly type: number;
        readonly nameInfoOffset: number;
        /** The object itself follows its header. */
        readonly body: number;
        /** OBJECT_TYPE.Name. */
        readonly typeName: number;
      }
    | undefined;
  /** Addresses of the kernel's variables and functions, relative to its image; from a profile file only. */
  readonly symbols?: ReadonlyMap<string, number>;
}

/** Handle tables and object headers of NT 5.1 and 5.2. */
const OBJECTS_5: NtProfile['object'] = {
  tableCode: 0,
  type: 8,
  nameInfoOffset: 0xc,
  body: 0x18,
  typeName: 0x40,
};

const XP: NtProfile = {
  name: 'Windows XP',
  thread: {
    initialStack: 0x18,
    stackLimit: 0x1c,
    stackBase: 0x168,
    kernelStack: 0x28,
    teb: 0x20,
    state: 0x2d,
    attached: 0x44,
    process: 0x220,
    serviceTable: 0xe0,
    createTime: 0x1c0,
    exitStatus: 0x1d0,
    tid: 0x1f0,
    link: 0x1b0,
    trapFrame: 0x134,
  },
  process: {
    directoryTableBase: 0x18,
    threads: 0x50,
    pid: 0x84,
    link: 0x88,
    objectTable: 0xc4,
    ppid: 0x14c,
    imageFileName: 0x174,
    peb: 0x1b0,
  },
  object: OBJECTS_5,
};

const SERVER_2003: NtProfile = {
  name: 'Windows Server 2003',
  thread: {
    initialStack: 0x18,
    stackLimit: 0x1c,
    stackBase: 0x15c,
    kernelStack: 0x20,
    teb: 0x30,
    state: 0x2c,
    attached: 0x44,
    process: 0x228,
    serviceTable: 0x124,
    createTime: 0x1c8,
    exitStatus: 0x1d8,
    tid: 0x1f8,
    link: 0x1ac,
  },
  process: {
    directoryTableBase: 0x18,
    threads: 0x50,
    pid: 0x84,
    link: 0x88,
    objectTable: 0xc4,
    ppid: 0x128,
    imageFileName: 0x154,
    peb: 0x190,
  },
  object: OBJECTS_5,
};

const SERVER_2003_SP1: NtProfile = {
  name: 'Windows Server 2003 SP1 or SP2',
  thread: {
    initialStack: 0x18,
    stackLimit: 0x1c,
    stackBase: 0x158,
    kernelStack: 0x20,
    teb: 0x74,
    state: 0x4c,
    attached: 0x38,
    process: 0x218,
    serviceTable: 0x118,
    createTime: 0x1b8,
    exitStatus: 0x1c8,
    tid: 0x1e8,
    link: 0x1a8,
  },
  process: {
    directoryTableBase: 0x18,
    threads: 0x50,
    pid: 0x94,
    link: 0x98,
    objectTable: 0xd4,
    ppid: 0x138,
    imageFileName: 0x164,
    peb: 0x1a0,
  },
  object: OBJECTS_5,
};

/**
 * Windows 2000. Its handle tables are of another kind, and are not read.
 * KTHREAD: the code of KiSystemService and SwapContext; EPROCESS: PANDA's win2000x86intro.
 */
const WINDOWS_2000: NtProfile = {
  name: 'Windows 2000',
  thread: {
    initialStack: 0x18,
    stackLimit: 0x1c,
    stackBase: undefined,
    kernelStack: 0x28,
    teb: 0x20,
    state: 0x2d,
    attached: 0x44,
    process: 0x22c,
    serviceTable: 0xdc,
    createTime: 0x1b0,
    exitStatus: undefined,
    tid: 0x1e4,
    link: 0x1a4,
  },
  process: {
    directoryTableBase: 0x18,
    threads: 0x50,
    pid: 0x9c,
    link: 0xa0,
    objectTable: undefined,
    ppid: 0x1c8,
    imageFileName: 0x1fc,
    peb: 0x1b0,
  },
  object: undefined,
};

const VISTA: NtProfile = {
  name: 'Windows Vista or Server 2008',
  thread: {
    initialStack: 0x28,
    stackLimit: 0x2c,
    stackBase: 0x174,
    kernelStack: 0x30,
    teb: 0x84,
    state: 0x5c,
    attached: 0x48,
    process: 0x144,
    serviceTable: 0x12c,
    createTime: 0x1e0,
    exitStatus: 0x1f0,
    tid: 0x210,
    link: 0x1c4,
  },
  process: {
    directoryTableBase: 0x18,
    threads: 0x50,
    pid: 0x9c,
    link: 0xa0,
    objectTable: 0xdc,
    ppid: 0x124,
    imageFileName: 0x14c,
    peb: 0x188,
  },
  object: OBJECTS_5,
};
const VISTA_SP1: NtProfile = {
  ...VISTA,
  object: { tableCode: 0, type: 8, nameInfoOffset: 0xc, body: 0x18, typeName: 8 },
};

/** Windows 7: an object's header has a number for its type, which leads to the type through a table without a name. */
const WINDOWS_7: NtProfile = {
  name: 'Windows 7',
  thread: {
    initialStack: 0x28,
    stackLimit: 0x2c,
    stackBase: 0x190,
    kernelStack: 0x30,
    teb: 0x88,
    state: 0x68,
    attached: 0x50,
    process: 0x150,
    serviceTable: 0xbc,
    createTime: 0x200,
    exitStatus: 0x210,
    tid: 0x230,
    link: 0x1e0,
  },
  process: {
    directoryTableBase: 0x18,
    threads: 0x2c,
    pid: 0xb4,
    link: 0xb8,
    objectTable: 0xf4,
    ppid: 0x140,
    imageFileName: 0x16c,
    peb: 0x1a8,
  },
  object: undefined,
};

/** The profiles that a build may have; which one it is, its own structures must show. */
export function profilesOf(build: number): readonly NtProfile[] {
  switch (build) {
    case 2195:
      return [WINDOWS_2000];
    case 2600:
      return [XP];
    case 3790:
      return [SERVER_2003_SP1, SERVER_2003];
    case 6000:
      return [VISTA];
    case 6001:
    case 6002:
    case 6003:
      return [VISTA_SP1];
    case 7600:
    case 7601:
      return [WINDOWS_7];
    default:
      return [];
  }
}
