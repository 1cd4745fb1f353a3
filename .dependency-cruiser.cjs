// The folders of src/ in the order data flows; each may import from itself and from those before it.
const layers = [
  'base',
  'machine',
  'wasm',
  'engine',
  'trace',
  'record',
  'replay',
  'guest',
  'hooks',
  'output',
  'cli',
];
const upward = layers.map((layer, i) => ({
  name: `layer-${layer}`,
  comment: `src/${layer} imports only from the layers before it`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: `^src/(${[...layers.slice(i + 1), 'index\\.ts'].join('|')})` },
}));
/** `what` may be imported only from `where`. */
const fence = (name, what, where) => ({
  name: `fence-${name}`,
  severity: 'error',
  from: { path: '^src/', pathNot: where },
  to: { path: what },
});
module.exports = {
  forbidden: [
    ...upward,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'src-stands-alone', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|tools)/' } },
    fence('v86', 'node_modules/v86/', '^src/(engine|record)/'),
    fence('msgpackr', 'node_modules/msgpackr/', '^src/(trace/|output/map/map-cache\\.ts$)'),
    fence('lz4', 'node_modules/(lz4|lz4-napi|@antoniomuso)/', '^src/trace/'),
    fence('iced-x86', 'node_modules/iced-x86/', '^src/output/calls/'),
    fence('yargs', 'node_modules/(yargs|@types/yargs)/', '^src/cli/'),
    fence('fs', '^(node:)?fs(/promises)?$', '^src/(trace|machine|output|cli)/'),
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
