# A Python kernel of the local code interpreter: runs inside a sandbox, reads one JSON line for each
# execution from stdin, keeps the variables in between. What the code prints goes to stdout and stderr
# as it is; what the interpreter itself says goes between, in frames: RS, the nonce of argv, JSON,
# newline. Only the standard library is needed.
import ast
import asyncio
import base64
import builtins
import inspect
import json
import linecache
import os
import re
import signal
import subprocess
import sys
import traceback

NONCE = sys.argv[1]
sys.argv = ['']
FORMS = {
    'text/plain': 'text',
    'text/html': 'html',
    'text/markdown': 'markdown',
    'image/svg+xml': 'svg',
    'image/png': 'png',
    'image/jpeg': 'jpeg',
    'application/pdf': 'pdf',
    'text/latex': 'latex',
    'application/json': 'json',
    'application/javascript': 'javascript',
}
METHODS = {
    '_repr_html_': 'html',
    '_repr_markdown_': 'markdown',
    '_repr_svg_': 'svg',
    '_repr_png_': 'png',
    '_repr_jpeg_': 'jpeg',
    '_repr_pdf_': 'pdf',
    '_repr_latex_': 'latex',
    '_repr_json_': 'json',
    '_repr_javascript_': 'javascript',
}

names = {'__name__': '__main__', '__builtins__': builtins}
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)


def tell(stream=sys.stdout, **message):
    stream.flush()
    stream.write('\x1e%s%s\n' % (NONCE, json.dumps(message, default=str)))
    stream.flush()


def plain(value):
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def forms_of(value):
    found = {'text': repr(value)}
    if isinstance(value, type):
        return found
    bundle = getattr(value, '_repr_mimebundle_', None)
    if callable(bundle):
        data = bundle()
        data = data[0] if isinstance(data, tuple) else data
        found.update((FORMS[kind], plain(form)) for kind, form in data.items() if kind in FORMS)
    for method, form in METHODS.items():
        represent = getattr(value, method, None)
        if callable(represent) and form not in found:
            shown = represent()
            if shown is not None:
                found[form] = plain(shown[0] if isinstance(shown, tuple) else shown)
    if type(value).__module__.startswith('pandas.') and hasattr(value, 'to_dict'):
        try:
            found['data'] = value.to_dict(orient='list')
        except TypeError:
            found['data'] = value.to_dict()
    return found


def display(*values):
    for value in values:
        tell(type='result', is_main_result=False, **forms_of(value))


def show_figures():
    pyplot = sys.modules.get('matplotlib.pyplot')
    if pyplot is None:
        return
    import io

    for number in pyplot.get_fignums():
        image = io.BytesIO()
        pyplot.figure(number).savefig(image, format='png')
        tell(
            type='result',
            is_main_result=False,
            text=repr(pyplot.figure(number)),
            png=plain(image.getvalue()),
        )
    pyplot.close('all')


def system(command):
    sys.stdout.flush()
    subprocess.run(command, shell=True, executable='/bin/bash', stdin=subprocess.DEVNULL)


# The two shorthands of notebooks that programs in the wild contain: !command and %pip.
def without_magic(code):
    if code.startswith('%%bash\n'):
        return '__system__(%r)' % code[len('%%bash\n') :]
    code = re.sub(r'^(\s*)%pip ', r'\1!%s -m pip ' % sys.executable, code, flags=re.M)
    return re.sub(r'^(\s*)!(.+)$', lambda m: '%s__system__(%r)' % m.groups(), code, flags=re.M)


def run(code, file):
    linecache.cache[file] = (len(code), None, code.splitlines(True), file)
    try:
        tree = ast.parse(code, file)
    except SyntaxError:
        tree = ast.parse(without_magic(code), file)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    for part, mode in ((tree, 'exec'), (last and ast.Expression(last.value), 'eval')):
        if part is None:
            continue
        cell = compile(part, file, mode, flags)
        value = eval(cell, names)
        if cell.co_flags & inspect.CO_COROUTINE:  # the cell itself awaits something
            value = loop.run_until_complete(value)
        if mode == 'eval' and value is not None:
            names['_'] = value
            tell(type='result', is_main_result=True, **forms_of(value))


def error_of(error):
    if isinstance(error, SyntaxError):
        text = ''.join(traceback.format_exception_only(type(error), error))
        return {'name': type(error).__name__, 'value': str(error), 'traceback': text}
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename != __file_name__]
    lines = ['Traceback (most recent call last):\n', *traceback.format_list(ours)]
    lines += traceback.format_exception_only(type(error), error)
    return {'name': type(error).__name__, 'value': str(error), 'traceback': ''.join(lines)}


def execute(count, request):
    before = dict(os.environ)
    os.environ.update(request.get('env') or {})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run(request['code'], '<cell %d>' % count)
        show_figures()
    except BaseException as error:
        tell(type='error', **error_of(error))
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.environ.clear()
        os.environ.update(before)


__file_name__ = inspect.currentframe().f_code.co_filename
names.update(display=display, __system__=system)
os.environ.setdefault('MPLBACKEND', 'Agg')
signal.signal(signal.SIGINT, signal.SIG_IGN)
requests = os.fdopen(os.dup(0), 'r')
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.set_inheritable(requests.fileno(), False)
sys.stdout.reconfigure(line_buffering=True)
tell(type='ready')
for number, line in enumerate(requests, 1):
    execute(number, json.loads(line))
    sys.stdout.flush()
    tell(stream=sys.stderr, type='end')
    tell(type='end')
