/** A profile of Windows XP's kernel, as a file has it. */

/** What volatility3's pdbconv writes of XP SP3's kernel, as far as it is read; offsets from its public symbols. */
export function xpIsf(): Record<string, Record<string, unknown>> {
  const type = (fields: Record<string, number>) => ({
    kind: 'struct',
    size: 0x260,
    fields: Object.fromEntries(Object.entries(fields).map(([name, offset]) => [name, { offset, type: {} }])),
  });
  return {
    metadata: {
      windows: { pdb: { database: 'ntkrnlpa.pdb', GUID: '30B5FB31AE7E4ACAABA750AA241FF331', age: 1 } },
    },
    base_types: { pointer: { size: 4, signed: false, kind: 'int', endian: 'little' } },
    user_types: {
      _KTHREAD: type({
        InitialStack: 0x18,
        StackLimit: 0x1c,
        StackBase: 0x168,
        KernelStack: 0x28,
        Teb: 0x20,
        State: 0x2d,
        ApcState: 0x34,
        ServiceTable: 0xe0,
        ThreadListEntry: 0x1b0,
        TrapFrame: 0x134,
      }),
      _KAPC_STATE: type({ Process: 0x10 }),
      _ETHREAD: type({ CreateTime: 0x1c0, ExitStatus: 0x1d0, Cid: 0x1ec, ThreadsProcess: 0x220 }),
      _CLIENT_ID: type({ UniqueProcess: 0, UniqueThread: 4 }),
      _KPROCESS: type({ DirectoryTableBase: 0x18, ThreadListHead: 0x50 }),
      _EPROCESS: type({
        UniqueProcessId: 0x84,
        ActiveProcessLinks: 0x88,
        ObjectTable: 0xc4,
        InheritedFromUniqueProcessId: 0x14c,
        ImageFileName: 0x174,
        Peb: 0x1b0,
      }),
      _HANDLE_TABLE: type({ TableCode: 0 }),
      _OBJECT_HEADER: type({ Type: 8, NameInfoOffset: 0xc, Body: 0x18 }),
      _OBJECT_TYPE: type({ Name: 0x40 }),
    },
    symbols: {
      '_NtReadFile@36': { address: 0x4567 },
      '@IofCallDriver@8': { address: 0x1234 },
      _DbgPrint: { address: 0x2345 },
      '??_C@_0M@STRING': { address: 0x3456 },
      KiSwapThread: { address: 0x8000 },
    },
  };
}
