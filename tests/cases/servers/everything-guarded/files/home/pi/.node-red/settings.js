adminAuth:
