<redacted>
uiPort: process.env.PORT || 1880,
//adminAuth:
/*
adminAuth:
*/
