"""The HTML that the page begins as; it shows something before any script has run."""

INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="color-scheme" content="light dark">
<meta name="description" content="Transactions, alerts and fraud by event time">
<title>{%title%}</title>
<link rel="icon" type="image/svg+xml" href="/assets/favicon.svg">
<script src="/assets/theme.js"></script>
{%css%}
</head>
<body>
{%app_entry%}
<noscript><p class="notice">This page needs JavaScript. The same figures are at
<a href="/summary">/summary</a>.</p></noscript>
<footer class="scripts">
{%config%}
{%scripts%}
{%renderer%}
</footer>
</body>
</html>"""
