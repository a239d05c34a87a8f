'use strict';

// Configurations of the web servers for one port on loopback. What concerns Till is in the files that a user installs.

function lighttpdConf({ top, dir, port, socket, share, log, plain }) {
  const rules = plain
    ? `fastcgi.server = ( "" => (( "socket" => "${socket}", "check-local" => "disable" )) )`
    : `var.till_socket = "${socket}"
var.till_share = "${share}"
include "${top}/lighttpd-conf/till-rules.conf"`;
  return `server.modules = ( "mod_alias", "mod_fastcgi", "mod_setenv" )
server.document-root = "${dir}"
server.bind = "127.0.0.1"
server.port = ${port}
server.errorlog = "${log}"
server.upload-dirs = ( "${dir}" )
server.max-connections = 1024
server.max-keep-alive-idle = 60 # longer than a client keeps it, so that none sends into what is just being closed
server.network-backend = "writev"
${rules}
`;
}

const APACHE_MODULES = [
  'mpm_event', 'authz_core', 'alias', 'headers', 'mime', 'proxy', 'proxy_fcgi', 'reqtimeout', 'setenvif',
];

function apacheConf({ top, dir, port, socket, share, log }) {
  const modules = APACHE_MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n');
  return `ServerRoot ${dir}
PidFile ${dir}/apache-${port}.pid
DefaultRuntimeDir ${dir}
Mutex file:${dir} default
ErrorLog ${log}
LogLevel warn
${modules}
${process.getuid() === 0 ? 'User www-data\nGroup www-data' : ''}
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
ServerLimit 2
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 128
KeepAliveTimeout 60
ServerTokens Prod
TraceEnable Off
HttpProtocolOptions Strict
DocumentRoot ${dir}
TypesConfig /dev/null
<Directory />
    Require all denied
    AllowOverride None
</Directory>
<Location />
    Require all granted
</Location>
Define TILL_SOCKET ${socket}
Define TILL_SHARE ${share}
Include ${top}/apache-conf/till-rules.conf
`;
}

module.exports = { apacheConf, lighttpdConf };
