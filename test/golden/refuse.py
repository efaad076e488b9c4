# A log service that refuses the first upload for good and all others for now (make.sh).
import http.server
class H(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        H.asked += 1
        body = b'{"errorcode":"InvalidContent","errormessage":"no"}' if H.asked == 1 else b'{"errorcode":"InternalError","errormessage":"later"}'
        self.send_response(400 if H.asked == 1 else 500)
        self.send_header('x-cls-requestid', 'golden'); self.send_header('content-type', 'application/json'); self.send_header('content-length', str(len(body)))
        self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
http.server.HTTPServer(('127.0.0.1', 9514), H).serve_forever()
