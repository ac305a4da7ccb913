import { writeFileSync } from "node:fs";
import type { Launch, Place } from "./launch.ts";

/** Writes a configuration with one worker that passes everything on unbuffered, and starts nginx with it. */
export function launchNginx(place: Place): Launch {
  writeFileSync(`${place.dir}/nginx.conf`, configuration(place));
  return {
    command: ["nginx", "-p", place.dir, "-e", `${place.dir}/error.log`, "-c", `${place.dir}/nginx.conf`],
    env: {},
  };
}

const configuration = ({ dir, port, ports }: Place) => `
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log warn;
events { worker_connections 16384; }
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  keepalive_requests 1000000000;
  upstream llm {
    server 127.0.0.1:${ports.upstream};
    keepalive 4096;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /live { return 200; }
    location / {
      proxy_pass http://llm;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
`;
